import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** What a runner knows besides the text of a job. */
export interface Runner {
  /** Of `${{ vars.NAME }}`, and of GitLab's group variables. */
  readonly variables: Readonly<Record<string, string>>;
  /** `${{ runner.temp }}`, and where steps run. */
  readonly temp: string;
  /** What GitHub's runner adds to the environment of a job that may write ID tokens. */
  readonly idTokens: Readonly<Record<string, string>>;
  readonly path: string;
  /** Of GitHub's expressions beside `vars`, such as `github.token`. */
  readonly expressions?: Readonly<Record<string, string>>;
  /** What GitHub's runner tells every job, such as GITHUB_SHA. */
  readonly told?: Readonly<Record<string, string>>;
}

type Environment = Readonly<Record<string, string>>;

interface GithubJob {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly env?: Environment;
  /** A step that `uses` an action is not run: `temp` holds what was checked out. */
  readonly steps: readonly ({ readonly run: string; readonly env?: Environment } | { readonly uses: string })[];
}

interface GitlabJob {
  readonly id_tokens: Readonly<Record<string, { readonly aud: string }>>;
  readonly script: readonly string[];
}

/** Runs the steps of a job as GitHub's runner does: `bash -e`, each in a shell of its own. Gives the output of each. */
export async function runGithubJob(job: GithubJob, runner: Runner): Promise<string[]> {
  const { variables, temp, expressions, told } = runner;
  // The environment of a job is read before there is a runner.
  const known = { ...prefixed('vars', variables), ...expressions };
  const ofJob = expanded(job.env, known);
  const own = { RUNNER_TEMP: temp, ...told, ...(job.permissions?.['id-token'] === 'write' ? runner.idTokens : {}) };
  const outputs: string[] = [];
  for (const step of job.steps) {
    if ('uses' in step) continue;
    const ofStep = expanded(step.env, { ...known, 'runner.temp': temp });
    outputs.push(await inShell(step.run, { ...own, ...ofJob, ...ofStep }, runner));
  }
  return outputs;
}

/** Runs the script of a job as GitLab's runner does, with a token for each audience, one for the whole job. */
export async function runGitlabJob(
  job: GitlabJob,
  idToken: (audience: string) => string,
  runner: Runner,
): Promise<string[]> {
  const tokens = Object.entries(job.id_tokens).map(([name, { aud }]) => [name, idToken(aud)]);
  const env = { ...runner.variables, ...Object.fromEntries(tokens) };
  const outputs: string[] = [];
  for (const line of job.script) outputs.push(await inShell(line, env, runner));
  return outputs;
}

async function inShell(script: string, env: Environment, { path, temp }: Runner): Promise<string> {
  const options = { env: { ...env, PATH: path, HOME: temp }, cwd: temp };
  return (await promisify(execFile)('bash', ['-e', '-c', script], options)).stdout;
}

/** Throws for an expression that the place does not know. */
function expanded(env: Environment = {}, known: Environment): Environment {
  const filled = Object.entries(env).map(([name, value]) => {
    const text = value.replaceAll(/\$\{\{ *([\w.]+) *\}\}/g, (_, expression: string) => {
      const found = known[expression];
      if (found === undefined) throw new Error(`${expression} is not known in the environment ${name}`);
      return found;
    });
    return [name, text];
  });
  return Object.fromEntries(filled);
}

function prefixed(prefix: string, values: Environment): Environment {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value]));
}
