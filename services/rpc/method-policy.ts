import { type DescMethod, type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import {
  AuthLevel,
  method as methodOption,
  RateClass,
  service as serviceOption,
} from "../../gen/parley/policy/v1/policy_pb.ts";

/** How a method is guarded, with the service's default applied. */
export interface MethodPolicy {
  readonly auth: AuthLevel;
  readonly rate: RateClass;
}

/** Services whose protos are not ours and so cannot state a policy. */
export const vendorServices: ReadonlySet<string> = new Set([
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
]);

const vendorPolicy: MethodPolicy = { auth: AuthLevel.PUBLIC, rate: RateClass.READ };

/** Reads the policy of a method. Throws when neither the method nor its service states one completely. */
export function policyOf(method: DescMethod): MethodPolicy {
  if (vendorServices.has(method.parent.typeName)) return vendorPolicy;
  const own = hasOption(method, methodOption) ? getOption(method, methodOption) : undefined;
  const inherited = hasOption(method.parent, serviceOption)
    ? getOption(method.parent, serviceOption)
    : undefined;
  const auth = own?.auth || inherited?.auth || AuthLevel.UNSPECIFIED;
  const rate = own?.rate || inherited?.rate || RateClass.UNSPECIFIED;
  if (auth === AuthLevel.UNSPECIFIED || rate === RateClass.UNSPECIFIED) {
    const missing = auth === AuthLevel.UNSPECIFIED ? "auth" : "rate";
    throw new Error(
      `${method.parent.typeName}/${method.name} states no ${missing} in its parley.policy.v1 options, nor does its service`,
    );
  }
  return { auth, rate };
}

/** Who a listener is for: clients, or the operators of the node. */
export type Audience = "clients" | "operators";

/**
 * Throws for the first method of `services` without a complete policy, or with one that is not for this audience; called
 * before a node listens.
 */
export function assertPolicies(services: Iterable<DescService>, audience: Audience): void {
  for (const method of Array.from(services, (service) => service.methods).flat()) {
    const isForOperators = policyOf(method).auth === AuthLevel.OPERATOR;
    if (!isForOperators || audience === "operators") continue;
    throw new Error(`${method.parent.typeName}/${method.name} is for operators, not for a public listener`);
  }
}
