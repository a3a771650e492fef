import { _, type Ajv, type KeywordCxt } from 'ajv';
import { checks } from './checks.ts';

/** How openapi-backend validates requests. `checks` is their name in the source of compiled validators, generated/validators.ts. */
export const validation = {
  ajvOpts: {
    // strictNumbers rejects 1e400, which is Infinity. allErrors: x-problems decides which of several violations is reported.
    verbose: true,
    allErrors: true,
    strictNumbers: true,
    validateSchema: false,
    code: { formats: _`checks` },
  },
  customizeAjv: (ajv: Ajv) =>
    ajv
      .addKeyword({
        keyword: 'x-whole-cents',
        type: 'number',
        code(context: KeywordCxt) {
          const isWhole = context.gen.scopeValue('func', { ref: checks.isWholeCents, code: _`checks.isWholeCents` });
          if (context.schema === true) context.fail(_`!${isWhole}(${context.data})`);
        },
        error: { message: 'must be a whole number of cents' },
      })
      .addFormat('unicode', checks.unicode)
      // Says nothing that JSON does not: every number is one.
      .addFormat('double', true),
};
