/** Calls `stop` on each SIGTERM, SIGINT and SIGHUP, in place of the listeners of src/startSignals.js. */
export function onStopSignal(stop: () => void): void {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const former = process.listeners(signal);
    // Added first: a signal without a listener kills the process, or is lost where it is PID 1.
    process.on(signal, stop);
    for (const listener of former) process.off(signal, listener);
  }
}
