import type { GoTool } from "../testkit/go-tools.ts";

/** The gRPC command line client that proto/README.md uses. */
export const grpcurl: GoTool = {
  name: "grpcurl",
  packagePath: "github.com/fullstorydev/grpcurl/cmd/grpcurl",
  module: new URL("./go/grpcurl/", import.meta.url),
};
