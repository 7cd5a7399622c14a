// Answers of the audit door, one of each kind, as openapi.yaml shows them.
const COVERAGE = {
  streams: ['carnet'],
  from: '2026-11-27T07:31:09.120Z',
  until: '2026-11-27T08:00:00.000Z',
  complete: true,
  unreadable: 0,
};

export const PAGE = {
  items: [
    {
      v: 1,
      stream: 'carnet',
      seq: 4711,
      at: '2026-11-27T07:59:12.345Z',
      type: 'refused',
      outcome: 'refused',
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      issuer: 'prod-eu',
      mapping: 'ledger',
      reason: 'condition_not_met',
      detail: 'request.time.getHours() < 6 is false',
    },
  ],
  coverage: { ...COVERAGE, complete: false },
  next: 'W1siY2FybmV0IiwxLDQwOTZdXQ',
};

export const OUTSTANDING = {
  outstanding: [
    {
      id: 'ASIAEXAMPLE',
      kind: 'aws',
      target: 'arn:aws:iam::111122223333:role/reports',
      deliver: 'credentials',
      session: 'payments.reporter',
      mapping: 'reports',
      issuer: 'prod-eu',
      namespace: 'payments',
      serviceAccount: 'reporter',
      expiresAt: '2026-11-27T08:40:00.000Z',
      secondsLeft: 2400,
      cutOff: {
        command: 'aws iam put-role-policy --role-name reports ...',
        note: 'in account 111122223333; sessions that begin later are not touched.',
      },
    },
  ],
  more: 0,
  coverage: COVERAGE,
};

export const PROMOTION = {
  promotion: [
    {
      mapping: 'ledger-tight',
      mode: 'shadow',
      requests: 812,
      refuses: 3,
      allows: 0,
      reasons: { condition_not_met: 3 },
      refused: [
        {
          traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
          at: '2026-11-27T07:59:12.345Z',
          workload: 'prod-eu payments/reporter',
          reason: 'condition_not_met',
        },
      ],
      allowed: [],
      verdict: 'refuses',
    },
  ],
  coverage: COVERAGE,
};

export const ADVICE = {
  advice: [
    {
      mapping: 'old-reports',
      kind: 'unused',
      says: 'it allowed no request; let it end, or delete it',
      change: [
        '---',
        'apiVersion: carnet.dev/v1alpha1',
        'kind: FederationMapping',
        'metadata:',
        '  name: old-reports',
        'spec:',
        '  owner: team-reports@example.org',
        '  subject:',
        '    issuer: prod-eu',
        '    namespace: payments',
        '    serviceAccount: reporter',
        '  target:',
        '    jwtSvid:',
        '      audiences:',
        '        - https://reports.example.org',
        '  expiresAt: "2026-12-04T08:00:00.000Z"',
        '',
      ].join('\n'),
    },
  ],
  coverage: COVERAGE,
};

export const REVIEW = {
  review: [
    {
      mapping: 'reports',
      owner: 'payments@example.org',
      state: 'in-force',
      mode: 'enforce',
      subject: 'prod-eu payments/reporter',
      kind: 'aws',
      targets: ['arn:aws:iam::111122223333:role/reports'],
      intents: ['object.read:acme-reports'],
      lastUsed: '2026-11-27T07:59:12.345Z',
      allowed: 310,
      workloads: ['prod-eu payments/reporter'],
      moreWorkloads: 0,
      expiresAt: '2027-06-30T00:00:00Z',
      reattestBy: { at: '2027-06-30T00:00:00Z', from: 'expiresAt', overdue: false },
    },
  ],
  coverage: COVERAGE,
};
