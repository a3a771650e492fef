import { styleText } from 'node:util';
import { pino, type Logger } from 'pino';

/** Colours a text, unless colours are disabled. */
export type Paint = (format: Parameters<typeof styleText>[0], text: string) => string;

/** Colours on a terminal, unless NO_COLOR is set, and elsewhere with FORCE_COLOR. */
export const paintOutput: Paint = (format, text) => styleText(format, text, { stream: process.stdout });

/** Opens a log for people, on standard output. By default it has a line for each request. */
export function openConsoleLog(level: string, printRequest?: PrintRequest): Logger {
  // Without a listener, a closed pipe is an uncaught exception.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  return pino({ level }, consoleLog(console.log, paintOutput, printRequest));
}

/** A line about a request, as observability/log.ts writes it. */
interface RequestLine {
  msg: string;
  status: number;
  method?: string;
  operation?: string;
  problem?: string;
  durationMs?: number;
  cause?: Cause;
  suppressed?: number;
}

/** Our own reason, or the name and the stack of another error. */
interface Cause {
  reason?: string;
  name?: string;
  stack?: readonly string[];
}

type PrintRequest = (line: RequestLine) => void;

/** A destination of the log: prints a line per request, and of all other lines the message. */
export const consoleLog = (
  print: (line: string) => void,
  paint: Paint,
  printRequest: PrintRequest = (line) => print(describeRequestLine(line, paint)),
) => ({
  write(json: string): void {
    const line = JSON.parse(json) as { level: number; msg: string; status?: number } & Cause;
    const { level, msg, status } = line;
    if (status !== undefined) return printRequest({ ...line, status });
    const text = [msg, describeCause(line)].filter(Boolean).join(' ');
    print(level >= 50 ? paint('red', text) : text);
  },
});

function describeRequestLine({ msg, cause = {}, suppressed, ...line }: RequestLine, paint: Paint): string {
  const { operation: target, problem: response, ...rest } = line;
  const note = suppressed === undefined ? msg : `${suppressed} ${msg}`;
  const detail = msg === 'request' ? describeCause(cause) : note;
  return requestLine({ ...rest, target, response, detail }, paint);
}

const describeCause = ({ reason, name, stack = [] }: Cause): string | undefined =>
  reason ?? (name && [name, ...stack].join('\n    '));

/** A request, as a line for people. */
export interface ShownRequest {
  status: number;
  method?: string | undefined;
  /** The path, or the operation. */
  target?: string | undefined;
  /** The name of the response. */
  response?: string | undefined;
  durationMs?: number | undefined;
  detail?: string | undefined;
}

/** `400 POST /api/v1/payments/intent amountTooSmall 3 ms body/amount must be >= 0.5`. */
export function requestLine(request: ShownRequest, paint: Paint): string {
  const { status, method, target, response, durationMs, detail } = request;
  const colour = status < 300 ? 'green' : status < 500 ? 'yellow' : 'red';
  const name = response && paint('bold', response);
  const duration = durationMs !== undefined && paint('dim', `${Math.round(durationMs)} ms`);
  return [paint(colour, String(status)), method, target, name, duration, detail].filter((part) => part).join(' ');
}
