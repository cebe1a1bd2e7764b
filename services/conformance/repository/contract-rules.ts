import { type DescEnum, type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { code, StatusCode } from "../../../gen/parley/error/v1/error_reason_pb.ts";
import { AuthLevel, method, RateClass, service } from "../../../gen/parley/policy/v1/policy_pb.ts";

/** What a method's policy lacks, its service's defaults included; empty when it is complete. */
export function policyProblems(descriptor: DescMethod): string[] {
  const own = getOption(descriptor, method);
  const byDefault = getOption(descriptor.parent, service);
  const name = `${descriptor.parent.typeName}/${descriptor.name}`;
  const problems: string[] = [];
  if ((own.auth || byDefault.auth) === AuthLevel.UNSPECIFIED)
    problems.push(`${name} says nowhere who may call it`);
  if ((own.rate || byDefault.rate) === RateClass.UNSPECIFIED)
    problems.push(`${name} says nowhere what it counts against`);
  return problems;
}

/** The values of a reason enum, but the first, that do not carry a status code. */
export function reasonsWithoutCode(reasons: DescEnum): string[] {
  return reasons.values
    .filter((value) => value.number !== 0)
    .filter((value) => !hasOption(value, code) || getOption(value, code) === StatusCode.UNSPECIFIED)
    .map((value) => value.name);
}
