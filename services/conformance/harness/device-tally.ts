/** What a device has lived through. */
export interface DeviceTally {
  streams: number;
  lost: number;
  crashes: number;
  answersLost: number;
  events: number;
  redelivered: number;
  dropped: number;
  gaps: number;
  behind: number;
  rewound: number;
  /** Streams that the node asked it to leave, and open ones that ended without that, nor by the device itself. */
  moved: number;
  unannounced: number;
  /** Streams that were refused with a time at which to come again. */
  refused: number;
  /** How its last stream ended, for people; empty before that. */
  lastEnd: string;
  /** Reasons for which the node closed its streams, by name. */
  readonly closed: Map<string, number>;
}

/** Of a device that has not lived yet. */
export function newTally(): DeviceTally {
  return {
    streams: 0,
    lost: 0,
    crashes: 0,
    answersLost: 0,
    events: 0,
    redelivered: 0,
    dropped: 0,
    gaps: 0,
    behind: 0,
    rewound: 0,
    moved: 0,
    unannounced: 0,
    refused: 0,
    lastEnd: "",
    closed: new Map(),
  };
}
