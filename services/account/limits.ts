/** Every bound of the account domain, with its unit. DESIGN.md says what happens at each. */

/** How long an access token is good, in milliseconds. */
export const accessTokenLifeMs = 10 * 60_000;

/** How long a refresh token is good, in milliseconds. */
export const refreshTokenLifeMs = 60 * 24 * 3_600_000;

/** Refresh tokens that may wait for their first use after one token was presented again and again. */
export const openRefreshTokensMax = 8;

/** Devices of one account that are logged in. */
export const devicesMax = 100;

/** Rows of devices kept per account, ended ones included; over it, those unused for longest are forgotten. */
export const devicesRememberedMax = 300;

/** Rows forgotten by one Login at most, so that no Login pays for all. */
export const devicesForgottenAtOnceMax = 10;

/** Attempts of a compare-and-set on one row before the call is refused as overloaded. */
export const rowAttemptsMax = 16;

/** What such a refusal tells the client to wait, in milliseconds. */
export const rowRetryDelayMs = 200;

/** Passwords hashed at once; each takes one core for 20 to 40 ms at the default cost. */
export const hashesAtOnceMax = 2;

/** Passwords that may wait for their turn: about a second's work. */
export const hashesWaitingMax = 64;

/** What a refusal because of that tells the client to wait, in milliseconds. */
export const hashRetryDelayMs = 1_000;

/** Verified access tokens kept in memory, about 300 bytes each. */
export const verifiedTokensMax = 50_000;

/** Access tokens being verified at the same time. */
export const verificationsAtOnceMax = 10_000;

/** Characters of an access token; longer ones are refused unread. */
export const accessTokenCharsMax = 4_096;

/** Age at which the signing keys are read again, in milliseconds. */
export const signingKeysAgeMsMax = 30_000;

/** A token that names an unknown key makes the keys be read again, but not more often than this. */
export const unknownKeyReadIntervalMs = 1_000;

/** Accounts on a page of SearchAccounts. */
export const searchPageDefault = 20;
export const searchPageMax = 100;

/** Accounts imported at once; below the queue of the hasher, so that logins still find room in it. */
export const importsAtOnceMax = 8;

/** Attempts for one line of an import when the node is overloaded or the store away. */
export const importAttemptsMax = 20;

/** Characters of a line of an import. */
export const importLineCharsMax = 8_192;

/** The dearest password hash that an import may bring; verifying it must not stop the node. */
export const importedHashMemoryKibMax = 262_144;
export const importedHashPassesMax = 16;
export const importedHashLanesMax = 8;
