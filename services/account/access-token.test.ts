import * as fc from "fast-check";
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, test } from "vitest";
import { silentLogger } from "../kernel/logger.ts";
import { createMemorySigningKeyStore } from "../store/memory/signing-key.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { seededRng } from "../testkit/seeded-rng.ts";
import { createAccessTokens } from "./access-token.ts";
import { refusalOf } from "./fixtures/account-fixture.ts";
import { makeSigningKey, openSigningKeys } from "./signing-keys.ts";

const firstKey = await makeSigningKey(new FakeClock());
const subject = { accountId: "0123456789abc", deviceId: "0123456789abd", loginCount: 3 };
const issuer = "https://parley.test";
const audience = "parley";

async function openTokens() {
  const clock = new FakeClock();
  const store = createMemorySigningKeyStore();
  await store.add(firstKey, true);
  const keys = await openSigningKeys({ store, clock, logger: silentLogger });
  const tokens = createAccessTokens({ keys, issuer, audience, clock, rng: seededRng(1) });
  /** Signs arbitrary claims as the node would sign its own. */
  const signRaw = async (claims: Record<string, unknown>, header: { typ?: string; kid?: string } = {}) => {
    const key = await keys.newest();
    return new SignJWT(claims)
      .setProtectedHeader({ alg: "RS256", kid: key.keyId, typ: "at+jwt", ...header })
      .sign(key.privateKey);
  };
  const nowSeconds = Math.floor(clock.wallMs() / 1_000);
  const claims = {
    iss: issuer,
    aud: audience,
    sub: subject.accountId,
    did: subject.deviceId,
    lgn: 3,
    jti: "id",
    exp: nowSeconds + 60,
  };
  return { tokens, keys, clock, store, signRaw, claims };
}

describe("access tokens", () => {
  test("a token says for whom it was made, for ten minutes, in whole seconds", async () => {
    const { tokens, clock } = await openTokens();
    clock.stepWall(999);
    const { token, expireMs } = await tokens.sign(subject);
    expect(expireMs).toBe(clock.wallMs() - 999 + 600_000);
    expect(token.length).toBeLessThan(4_096);
    expect(await tokens.verify(token)).toMatchObject({ ...subject, expireMs });
  });

  test("a token is good until the last millisecond and expired at the next", async () => {
    const { tokens, clock } = await openTokens();
    const { token } = await tokens.sign(subject);
    clock.stepWall(599_999);
    await tokens.verify(token);
    clock.stepWall(1);
    expect(await refusalOf(tokens.verify(token))).toBe("TOKEN_EXPIRED");
  });

  test("others verify it with the published keys alone", async () => {
    const { tokens, keys, clock } = await openTokens();
    const { token } = await tokens.sign(subject);
    const { keys: published } = await keys.keySet();
    const { payload } = await jwtVerify(token, createLocalJWKSet({ keys: Array.from(published) }), {
      issuer,
      audience,
      currentDate: new Date(clock.wallMs()),
    });
    expect(payload).toMatchObject({ sub: subject.accountId, did: subject.deviceId, lgn: 3 });
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: "RS256", typ: "at+jwt" });
  });

  test("the claims of the node itself pass, and none of their variations does", async () => {
    const { tokens, signRaw, claims } = await openTokens();
    await tokens.verify(await signRaw(claims));
    const variations: Record<string, unknown>[] = [
      { iss: "https://elsewhere.test" },
      { iss: undefined },
      { aud: "another" },
      { aud: undefined },
      { sub: undefined },
      { sub: 7 },
      { jti: undefined },
      { jti: 7 },
      { exp: undefined },
      { did: 7 },
      { did: undefined },
      { lgn: "3" },
      { lgn: undefined },
      { nbf: claims.exp },
    ];
    for (const variation of variations) {
      const token = await signRaw({ ...claims, ...variation });
      expect(await refusalOf(tokens.verify(token))).toBe("TOKEN_INVALID");
    }
    expect(await refusalOf(tokens.verify(await signRaw(claims, { typ: "JWT" })))).toBe("TOKEN_INVALID");
    expect(await refusalOf(tokens.verify(await signRaw(claims, { kid: "unknown" })))).toBe("TOKEN_INVALID");
  });

  test("only RS256 with a key of the store passes: no other algorithm, no other key, no signature", async () => {
    const { tokens, claims } = await openTokens();
    const publicKeyAsSecret = new TextEncoder().encode(firstKey.publicKey);
    const hmac = await new SignJWT(claims)
      .setProtectedHeader({ alg: "HS256", kid: firstKey.keyId, typ: "at+jwt" })
      .sign(publicKeyAsSecret);
    expect(await refusalOf(tokens.verify(hmac))).toBe("TOKEN_INVALID");
    expect(await refusalOf(tokens.verify(new UnsecuredJWT(claims).encode()))).toBe("TOKEN_INVALID");

    const stranger = createMemorySigningKeyStore();
    await stranger.add({ ...(await makeSigningKey(new FakeClock())), keyId: firstKey.keyId }, true);
    const clock = new FakeClock();
    const keys = await openSigningKeys({ store: stranger, clock, logger: silentLogger });
    const forger = createAccessTokens({ keys, issuer, audience, clock, rng: seededRng(2) });
    expect(await refusalOf(tokens.verify((await forger.sign(subject)).token))).toBe("TOKEN_INVALID");
  });

  test("a token with any character changed, and any other text, is invalid and nothing worse", async () => {
    const { tokens } = await openTokens();
    const { token } = await tokens.sign(subject);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(token.length - 2),
        fc.constantFrom("A", "b", "0", "_", "."),
        async (at, other) => {
          // The last character of a part may hold unused bits, which do not count.
          fc.pre(token[at] !== other && token[at + 1] !== ".");
          const changed = token.slice(0, at) + other + token.slice(at + 1);
          expect(await refusalOf(tokens.verify(changed))).toBe("TOKEN_INVALID");
        },
      ),
      { numRuns: 60 },
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.base64String(), fc.json()), async (text) => {
        expect(await refusalOf(tokens.verify(text))).toBe("TOKEN_INVALID");
      }),
      { numRuns: 100 },
    );
  });

  test("tokens of the key before the newest pass, those of the key before that do not", async () => {
    const { tokens, keys } = await openTokens();
    const { token } = await tokens.sign(subject);
    await keys.rotate();
    await tokens.verify(token);
    await tokens.verify((await tokens.sign(subject)).token);
    await keys.rotate();
    expect(await refusalOf(tokens.verify(token))).toBe("TOKEN_INVALID");
  });
});
