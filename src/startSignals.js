/**
 * Loaded before a process (`node --import ./src/startSignals.js`), and before anything else is: answers signals until there is
 * something to drain, when src/shutdown.ts takes over.
 *
 * JavaScript without imports, because what takes the types away from TypeScript takes long to load.
 */

// Nothing has been accepted yet, so nothing is lost. As PID 1 of a container, the process would not hear these without a listener.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => process.exit(0));

// Without a listener, Node opens its debugger, which lets anyone on the machine read our keys.
process.on('SIGUSR1', () => {});
