// Nest 12 and a few of its dependencies are ESM only; Jest runs them as CommonJS.
const swc = (parser) => [
  '@swc/jest',
  {
    jsc: {
      parser,
      target: 'es2023',
      keepClassNames: true,
      transform: { legacyDecorator: true, decoratorMetadata: true },
    },
    module: { type: 'commonjs' },
  },
];

module.exports = {
  testMatch: ['<rootDir>/{src,libs,test}/**/*.spec.ts'],
  testEnvironment: '<rootDir>/libs/inference/test/native-arrays-environment.mjs',
  transform: {
    '^.+\\.ts$': swc({ syntax: 'typescript', decorators: true }),
    '^.+\\.m?js$': swc({ syntax: 'ecmascript' }),
  },
  transformIgnorePatterns: [
    '/node_modules/(?!(@nestjs|cookie|light-my-request|jose|uuid|content-disposition|file-type)/)',
  ],
  moduleNameMapper: { '^#libs/(.*)$': '<rootDir>/libs/$1/src/index.ts', '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/.data', '<rootDir>/.cache'],
  testTimeout: 120_000,
  maxWorkers: 2,
};
