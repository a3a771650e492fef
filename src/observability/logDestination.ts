import { write, writeSync } from 'node:fs';

/** A batch is written once it has this many characters: one write per line would be a tenth of the cost of a payment. */
const BATCH_LENGTH = 16_000;

/** A batch is written after this time at the latest. SIGKILL loses it; before any other exit it is written. */
const BATCH_MS = 100;

/** pino's level from which lines are written at once. */
const ERROR_LEVEL = 50;

/** Characters buffered for a stalled reader. */
const MAX_BUFFERED_LENGTH = 16 * 1024 * 1024;

/** Interval of retries for a stalled reader. */
const RETRY_MS = 20;

/** How long the process may wait for a stalled reader before it exits. */
const EXIT_MS = 200;

const NEWLINE = 0x0a;

/** Makes pino set `lastLevel` before each write. */
const PINO_METADATA: unique symbol = Symbol.for('pino.metadata');

let droppedLines = 0;

/** Lines dropped by this process because of write errors or a full buffer. */
export const countDroppedLines = (): number => droppedLines;

/**
 * Writes pino's lines to a file descriptor, and never throws: a failing log must not stop the service.
 *
 * Buffers lines while the reader of a pipe is stalled. Lines that can't be written (disk full, reader gone) are dropped and counted,
 * and later lines are tried again. pino's own destination would crash the process instead, or retry its last write for ever.
 */
export class LogDestination {
  readonly [PINO_METADATA] = true;
  lastLevel = 0;

  readonly #fd: number;
  /** Full batches, the oldest first, and the one being filled. */
  #batches: string[] = [];
  #batch = '';
  /** Characters in both. */
  #bufferedLength = 0;
  /** The rest of the current batch. */
  #unwritten = Buffer.alloc(0);
  /** A write of `#unwritten` is in progress. */
  #isWriting = false;
  #retry: NodeJS.Timeout | undefined;
  /** The batch being filled contains an error, so it must be written at once. */
  #hasError = false;
  /** The beginning of a line was written and its end was dropped. */
  #isCut = false;

  constructor(fd: number) {
    this.#fd = fd;
    setInterval(() => this.#writeIfIdle(), BATCH_MS).unref();
    process.once('exit', () => this.#writeAtExit());
  }

  write(line: string): void {
    if (this.#bufferedLength + line.length > MAX_BUFFERED_LENGTH) {
      droppedLines += 1;
      return;
    }
    this.#bufferedLength += line.length;
    this.#batch += line;
    const isError = this.lastLevel >= ERROR_LEVEL;
    if (isError) this.#hasError = true;
    if (this.#batch.length >= BATCH_LENGTH) {
      this.#batches.push(this.#batch);
      this.#batch = '';
      this.#writeIfIdle();
    } else if (isError) this.#writeIfIdle();
  }

  #writeIfIdle(): void {
    if (this.#isWriting || this.#retry || !this.#takeBatch()) return;
    this.#isWriting = true;
    write(this.#fd, this.#unwritten, this.#onWritten);
  }

  readonly #onWritten = (error: NodeJS.ErrnoException | null, writtenBytes: number): void => {
    this.#isWriting = false;
    if (isReaderBusy(error)) {
      this.#retry = setTimeout(() => {
        this.#retry = undefined;
        this.#writeIfIdle();
      }, RETRY_MS).unref();
      return;
    }
    if (error) this.#dropBatch();
    else this.#advance(writtenBytes);
    if (this.#unwritten.length > 0 || this.#batches.length > 0 || this.#hasError) this.#writeIfIdle();
  };

  /** Returns false if nothing is left to write. */
  #takeBatch(): boolean {
    if (this.#unwritten.length > 0) return true;
    let batch = this.#batches.shift();
    if (batch === undefined) {
      batch = this.#batch;
      this.#batch = '';
      this.#hasError = false;
    }
    this.#bufferedLength -= batch.length;
    // Terminates the cut line, so that only that one is unreadable.
    this.#unwritten = Buffer.from(this.#isCut && batch !== '' ? `\n${batch}` : batch);
    return this.#unwritten.length > 0;
  }

  #advance(writtenBytes: number): void {
    if (writtenBytes > 0) this.#isCut = this.#unwritten[writtenBytes - 1] !== NEWLINE;
    this.#unwritten = this.#unwritten.subarray(writtenBytes);
  }

  #dropBatch(): void {
    // A leading newline only terminates a line that was already counted.
    const from = this.#unwritten[0] === NEWLINE ? 1 : 0;
    for (let index = from; index < this.#unwritten.length; index += 1) {
      if (this.#unwritten[index] === NEWLINE) droppedLines += 1;
    }
    this.#unwritten = Buffer.alloc(0);
  }

  /** A write in progress is finished by a thread, which Node awaits. */
  #writeAtExit(): void {
    const giveUpAt = performance.now() + EXIT_MS;
    if (this.#isWriting) this.#unwritten = Buffer.alloc(0);
    while (this.#takeBatch() && performance.now() < giveUpAt) {
      try {
        this.#advance(writeSync(this.#fd, this.#unwritten));
      } catch (error) {
        if (!isReaderBusy(error as NodeJS.ErrnoException)) return;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      }
    }
  }
}

/** The pipe is full. Some file systems return EBUSY instead of EAGAIN. */
const isReaderBusy = (error: NodeJS.ErrnoException | null) => error?.code === 'EAGAIN' || error?.code === 'EBUSY';
