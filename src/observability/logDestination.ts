import { write, writeSync } from 'node:fs';

/** A batch is written once it has this many characters: a write for each line is a tenth of what a payment costs. */
const BATCH_LENGTH = 16_000;

/** No line waits longer for its batch to fill. A SIGKILL loses what waits; before any other end it is written. */
const BATCH_MS = 100;

/** The level of pino from which a line does not wait for its batch to fill. */
const ERROR_LEVEL = 50;

/** Characters that may wait for a reader who has stopped: more must not fill our memory. */
const MAX_WAITING_LENGTH = 16 * 1024 * 1024;

/** A reader who has stopped is tried again after this time. */
const RETRY_MS = 20;

/** How long the end of the process may wait for a reader. */
const EXIT_MS = 200;

/** The newline that ends each line. */
const NEWLINE = 0x0a;

/** A destination that has this is told the level of each line, in `lastLevel`. */
const PINO_METADATA: unique symbol = Symbol.for('pino.metadata');

let droppedLines = 0;

/** The lines that this process has dropped, because they could not be written or too many waited. */
export const countDroppedLines = (): number => droppedLines;

/**
 * Writes the lines of pino to a file descriptor, and never throws: a log that can't be written must not stop the service.
 *
 * While the reader of a pipe has stopped, lines wait. Lines that can't be written (the disk is full, the reader is gone) are
 * dropped and counted, and the lines after them are tried again. pino's own destination would end the process instead, or
 * repeat its last write for ever.
 */
export class LogDestination {
  readonly [PINO_METADATA] = true;
  lastLevel = 0;

  readonly #fd: number;
  /** Full batches, the oldest first, and the one that is being filled. */
  #batches: string[] = [];
  #batch = '';
  /** The characters of both. */
  #waitingLength = 0;
  /** The rest of the batch that is being written. */
  #unwritten = Buffer.alloc(0);
  /** What `#unwritten` holds is with the operating system now. */
  #isWriting = false;
  #retry: NodeJS.Timeout | undefined;
  /** An error waits in a batch that is not full. */
  #hasError = false;
  /** The end of a line was dropped whose beginning is written. */
  #isCut = false;

  constructor(fd: number) {
    this.#fd = fd;
    setInterval(() => this.#writeIfIdle(), BATCH_MS).unref();
    process.once('exit', () => this.#writeAtExit());
  }

  write(line: string): void {
    if (this.#waitingLength + line.length > MAX_WAITING_LENGTH) {
      droppedLines += 1;
      return;
    }
    this.#waitingLength += line.length;
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

  /** False where nothing is left to write. */
  #takeBatch(): boolean {
    if (this.#unwritten.length > 0) return true;
    let batch = this.#batches.shift();
    if (batch === undefined) {
      batch = this.#batch;
      this.#batch = '';
      this.#hasError = false;
    }
    this.#waitingLength -= batch.length;
    // Behind the cut line, so that only that one can't be read.
    this.#unwritten = Buffer.from(this.#isCut && batch !== '' ? `\n${batch}` : batch);
    return this.#unwritten.length > 0;
  }

  #advance(writtenBytes: number): void {
    if (writtenBytes > 0) this.#isCut = this.#unwritten[writtenBytes - 1] !== NEWLINE;
    this.#unwritten = this.#unwritten.subarray(writtenBytes);
  }

  #dropBatch(): void {
    // The newline in front only ends a line that is counted already.
    const from = this.#unwritten[0] === NEWLINE ? 1 : 0;
    for (let index = from; index < this.#unwritten.length; index += 1) {
      if (this.#unwritten[index] === NEWLINE) droppedLines += 1;
    }
    this.#unwritten = Buffer.alloc(0);
  }

  /** What is with the operating system already is written by a thread, which Node awaits. */
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

/** The pipe is full. EBUSY: what some file systems say instead. */
const isReaderBusy = (error: NodeJS.ErrnoException | null) => error?.code === 'EAGAIN' || error?.code === 'EBUSY';
