import { copyFile } from "node:fs/promises";
import { build } from "esbuild";

await build({
  entryPoints: ["src/extension.ts"],
  outfile: "dist/extension.js",
  bundle: true,
  minify: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  external: ["vscode"],
});

// What the language client runs to end a server that no longer answers; it looks for it beside its own code.
const SCRIPT = "terminateProcess.sh";
await copyFile(`node_modules/vscode-languageclient/lib/node/${SCRIPT}`, `dist/${SCRIPT}`);
