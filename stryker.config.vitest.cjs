// The mutants of a folder meet the tests of that folder alone: what doors and processes catch would hide what these miss.
const folder = process.env.CARNET_MUTATED_FOLDER;
const property = folder === 'verifiers' ? 'reader*' : 'policy';
module.exports = {
  test: {
    include: [
      `test/${folder}/**/*.test.ts`,
      `test/property/${property}.test.ts`,
      ...(folder === 'verifiers' ? ['test/conformance/{json-test-suite,cve-table,oidc-rules}.test.ts'] : []),
    ],
    // It tests sockets and certificates, slowly, and covers nothing that the others do not.
    exclude: ['test/verifiers/cluster.test.ts'],
    testTimeout: 60_000,
  },
};
