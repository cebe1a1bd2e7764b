/** Every bound of the store on MongoDB. */
export const mongoLimits = {
  /** Requests that are with the driver at once; each has a connection of its own. */
  runningMax: 64,
  /** Requests that wait for one of those; one more is refused. */
  waitingMax: 2_000,
  /** The longest wait among them, in milliseconds; then the request is refused. */
  waitMsMax: 2_000,
  /** The longest wait for a primary to be known, in milliseconds; then the request is refused. */
  primaryMsMax: 3_000,
  /** The longest that the server works at a read, in milliseconds. */
  readMsMax: 3_000,
  /** The longest that the server waits for a majority to have a write, in milliseconds; then its outcome is unknown. */
  majorityMsMax: 4_000,
  /** The longest from handing a request to the driver to its answer, in milliseconds. */
  answerMsMax: 6_000,
  /**
   * The longest that a request keeps its turn, in milliseconds. The driver may lose one for good: a connection that was
   * closed in the very turn in which it is written to answers nobody (driver 7.8).
   */
  turnMsMax: 15_000,
  /** A driver that has not looked at its servers for so long has lost its own look in the same way, in milliseconds. */
  monitorMsMax: 12_000,
  /** A look for a primary that takes longer counts as lost, in milliseconds. */
  lookMsMax: 5_000,
  /** The longest wait for a client to be closed before it connects again, in milliseconds. */
  closeMsMax: 3_000,
  /** A look from outside, as `parley doctor` takes one, in milliseconds. */
  examineMsMax: 8_000,
  /** Opening a connection, and the answer to a heartbeat, in milliseconds. */
  connectMsMax: 3_000,
  /** A connection that is silent for longer while an answer is due is closed, in milliseconds. */
  silentMsMax: 10_000,
  /** Between two heartbeats of the driver, in milliseconds. */
  heartbeatMs: 5_000,
  /** The longest that a stop waits for requests under way, in milliseconds. */
  stopMsMax: 5_000,
  /** Documents that the server sends at once. */
  batchDocumentsMax: 1_000,
  /** Entries that the server sends at once: a page may end early. */
  batchEntriesMax: 100,
  /** Reads of single conversations that one call runs at once. */
  lastReadsMax: 16,
  /** How far a look at changes goes back behind the last one, in milliseconds. */
  changeOverlapMs: 30_000,
  /** A migration that takes longer may be taken over by another process, in milliseconds. */
  migrationMsMax: 300_000,
  /** The longest that a start waits for a migration by another process, in milliseconds. */
  migrationWaitMsMax: 320_000,
  /** Between two looks at a migration that another process runs, in milliseconds. */
  migrationPauseMs: 200,
} as const;
