/** Who may call whom: the table of ARCHITECTURE.md as rules. */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'A cycle makes two files one.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'libs-stand-alone',
      comment: 'A library knows nothing of ours, and no other library.',
      severity: 'error',
      from: { path: '^libs/([^/]+)/' },
      to: { path: '^(src|migrations|libs)/', pathNot: '^libs/$1/' },
    },
    {
      name: 'config-is-the-ground',
      severity: 'error',
      from: { path: '^src/config/' },
      to: { path: '^(src/(platform|modules)|libs|migrations)/' },
    },
    {
      name: 'platform-knows-no-module',
      severity: 'error',
      from: { path: '^src/platform/' },
      to: { path: '^src/modules/' },
    },
    {
      name: 'modules-meet-through-services',
      comment:
        'One module reaches another through the service that it exports, and the types that the service speaks.',
      severity: 'error',
      from: { path: '^src/modules/([^/]+)/' },
      to: {
        path: '^src/modules/([^/]+)/',
        pathNot: ['^src/modules/$1/', '\\.(service|module|entity|dto)\\.ts$'],
      },
    },
    {
      name: 'serving-serves-all',
      comment: 'Serving scores for every module that asks, and knows none of them.',
      severity: 'error',
      from: { path: '^src/modules/serving/' },
      to: { path: '^src/modules/', pathNot: '^src/modules/(serving|models)/' },
    },
    {
      name: 'predictions-ask-serving',
      comment: 'Which version answers, and whether its model is in memory, is for serving to know.',
      severity: 'error',
      from: { path: '^src/modules/predictions/', pathNot: '^src/modules/predictions/log/' },
      to: { path: '^src/modules/models/' },
    },
    {
      name: 'no-repository-of-another-module',
      severity: 'error',
      from: { path: '^src/modules/([^/]+)/' },
      to: { path: '^src/modules/([^/]+)/.*\\.repository\\.ts$', pathNot: '^src/modules/$1/' },
    },
    {
      name: 'libs-by-their-front-door',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^libs/[^/]+/(?!src/index\\.ts$)' },
    },
    {
      name: 'not-to-spec',
      severity: 'error',
      from: { pathNot: '\\.spec\\.ts$' },
      to: { path: '\\.spec\\.ts$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
    },
  },
};
