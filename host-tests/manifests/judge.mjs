// Judges Kubernetes manifests by the schemas of their CRDs: `node judge.mjs FILE...`.
//
// The published models of Istio, Envoy Gateway, the Gateway API and Kubernetes judge twice: their
// validators say which values are wrong, and their types which fields do not exist. (The API server
// prunes those without a word.) One line for each mistake, and exit code 1 if there is any.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { parseAllDocuments } from "yaml";

const PACKAGES = {
  "apps": "kubernetes-models",
  "networking.istio.io": "@kubernetes-models/istio",
  "extensions.istio.io": "@kubernetes-models/istio",
  "telemetry.istio.io": "@kubernetes-models/istio",
  "gateway.envoyproxy.io": "@kubernetes-models/envoy-gateway",
  "gateway.networking.k8s.io": "@kubernetes-models/gateway-api",
};

const modelPath = ({ apiVersion, kind }) => {
  const name = PACKAGES[apiVersion?.split("/")[0]];
  if (!name) throw new Error(`no schema for apiVersion ${apiVersion}`);
  return `${name}/${apiVersion}/${kind}`;
};

const validate = async (manifest) => {
  const models = await import(modelPath(manifest));
  new models[manifest.kind](manifest).validate();
};

// A program that exists in memory alone: one literal for each manifest.
const SOURCE = fileURLToPath(new URL("manifests.ts", import.meta.url));

const undeclaredFields = (manifests) => {
  const lines = manifests.flatMap(({ manifest }, index) => {
    // The model has these two of its own.
    const { apiVersion, kind, ...rest } = manifest;
    return [
      `import { ${kind} as Kind${index} } from "${modelPath(manifest)}";`,
      `new Kind${index}(${JSON.stringify(rest)});`,
    ];
  });
  const options = {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ESNext,
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (file) => file === SOURCE || fileExists(file);
  host.readFile = (file) => (file === SOURCE ? lines.join("\n") : readFile(file));
  host.getSourceFile = (file, ...rest) =>
    file === SOURCE ? ts.createSourceFile(file, lines.join("\n"), rest[0]) : getSourceFile(file, ...rest);
  const program = ts.createProgram([SOURCE], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const line = file ? file.getLineAndCharacterOfPosition(start).line : 0;
    const text = ts.flattenDiagnosticMessageText(messageText, " ");
    return `${manifests[Math.floor(line / 2)]?.name}: ${text}`;
  });
};

const manifests = process.argv.slice(2).flatMap((file) =>
  parseAllDocuments(readFileSync(file, "utf8")).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    const manifest = document.toJS();
    return { manifest, name: `${file}: ${manifest?.kind} ${manifest?.metadata?.name}` };
  }),
);
const mistakes = undeclaredFields(manifests);
for (const { manifest, name } of manifests) {
  await validate(manifest).catch((error) => mistakes.push(`${name}: ${error.message}`));
}
for (const mistake of mistakes) console.error(mistake);
console.log(`${manifests.length} manifests judged`);
process.exit(mistakes.length > 0 || manifests.length === 0 ? 1 : 0);
