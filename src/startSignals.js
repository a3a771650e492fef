/**
 * Preloaded before all other code (`node --import ./src/startSignals.js`): handles signals until there is something to drain, when
 * src/shutdown.ts takes over.
 *
 * JavaScript, because Node's type stripping takes long to load.
 */
import './nodeVersion.js';

// No request has been accepted yet. Without listeners, PID 1 of a container would ignore these signals.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => process.exit(0));

// Without a listener, Node opens its debugger, through which anyone on the machine could read our keys.
process.on('SIGUSR1', () => {});
