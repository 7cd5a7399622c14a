import { writeSync } from 'node:fs';
import { registerHooks } from 'node:module';

// Loaded before a program: tells on standard error of each module that is then asked for, builtin ones too.
registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    writeSync(2, `module ${found.url}\n`);
    return found;
  },
});
