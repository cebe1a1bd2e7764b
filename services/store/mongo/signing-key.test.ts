import { expect, test } from "vitest";
import { missingForMongo } from "../../testkit/mongo-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { describeSigningKeyContract } from "../contract/signing-key.contract.ts";
import { useMongoServer } from "./fixtures/mongo-store.ts";
import { createMongoSigningKeyStore, signingKeyIndexes } from "./signing-key.ts";

function keyRow(keyId: string) {
  return { keyId, privateKey: `private ${keyId}`, publicKey: `public ${keyId}`, createTimeMs: 1 };
}

suiteWithout(missingForMongo())("the store on MongoDB", () => {
  const { open } = useMongoServer();
  describeSigningKeyContract("MongoDB", () => open(createMongoSigningKeyStore));

  test("a key that is added again, because nobody knew whether it was there, drops no other", async () => {
    await using opened = await open(createMongoSigningKeyStore);
    const { store } = opened;
    for (const keyId of ["k-1", "k-2", "k-2"]) await store.add(keyRow(keyId), false);
    expect(await store.list()).toEqual([keyRow("k-2"), keyRow("k-1")]);
  });

  test("of keys that are added at the same moment none is lost to another", async () => {
    await using opened = await open(createMongoSigningKeyStore);
    const { store, database } = opened;
    await Promise.all(["k-1", "k-2", "k-3", "k-4"].map((keyId) => store.add(keyRow(keyId), false)));
    expect(await store.list()).toHaveLength(2);
    const document = await database.collection(signingKeyIndexes.collection).findOne();
    expect(document).toMatchObject({ revision: 4n });
  });
});
