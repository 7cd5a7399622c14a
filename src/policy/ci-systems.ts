/** What the tokens of a CI system can be told apart by. */
export interface CiSystem {
  readonly name: string;
  /** `iss` of the hosted one; those that people run themselves are known by their claims. */
  readonly issuer: string;
  /** Claims that no other system has. */
  readonly own: readonly string[];
  /** Numbers and ids that stay with what they name: a name can be given up and taken by somebody else. */
  readonly ids: readonly string[];
  /** Where a job runs. `sub` tells it too. */
  readonly places: readonly string[];
}

/** The systems that docs/adding-an-issuer.md shows, by the claims their documentation lists. */
export const CI_SYSTEMS: readonly CiSystem[] = [
  {
    name: 'GitHub Actions',
    issuer: 'https://token.actions.githubusercontent.com',
    own: ['repository', 'repository_id', 'repository_owner', 'repository_owner_id', 'job_workflow_ref', 'workflow_ref'],
    ids: ['repository_id', 'repository_owner_id', 'enterprise_id'],
    places: ['environment', 'ref', 'job_workflow_ref', 'workflow_ref', 'sub'],
  },
  {
    name: 'GitLab',
    issuer: 'https://gitlab.com',
    own: ['project_id', 'project_path', 'namespace_id', 'namespace_path', 'ci_config_ref_uri'],
    ids: ['project_id', 'namespace_id', 'job_project_id', 'job_namespace_id'],
    places: ['environment', 'ref', 'ref_path', 'ci_config_ref_uri', 'sub'],
  },
  {
    name: 'Buildkite',
    issuer: 'https://agent.buildkite.com',
    own: ['organization_slug', 'pipeline_slug', 'pipeline_id', 'build_branch', 'build_tag'],
    ids: ['organization_id', 'pipeline_id', 'cluster_id', 'queue_id'],
    places: ['build_branch', 'build_tag', 'step_key', 'queue_id', 'queue_key', 'sub'],
  },
  {
    name: 'Terraform Cloud',
    issuer: 'https://app.terraform.io',
    own: [
      'terraform_organization_id',
      'terraform_organization_name',
      'terraform_workspace_id',
      'terraform_workspace_name',
    ],
    ids: ['terraform_organization_id', 'terraform_project_id', 'terraform_workspace_id', 'terraform_stack_id'],
    places: ['terraform_run_phase', 'terraform_operation', 'sub'],
  },
];
