import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin, type Rollup } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Files of the shell whose names stay when they change. */
const UNHASHED = ["icon.svg", "manifest.webmanifest"];

function versionOf(parts: string[]): string {
  return createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 12);
}

function pageOf(bundle: Rollup.OutputBundle): string {
  const page = bundle["index.html"];
  if (page?.type !== "asset") throw new Error("index.html is not in the bundle: the service worker's version would not follow it");
  return page.source.toString();
}

/** Writes sw.js from src/service-worker.js, with the list of what was built and a version made from it and from the files without a hash. */
function serviceWorker(): Plugin {
  return {
    name: "tonnam-service-worker",
    apply: "build",
    enforce: "post",
    generateBundle(_options, bundle) {
      const built = Object.keys(bundle).filter((name) => !name.endsWith(".map") && name !== "index.html");
      const shell = ["/", ...UNHASHED.map((name) => `/${name}`), ...built.map((name) => `/${name}`)];
      const worker = readFileSync(here("src/service-worker.js"), "utf8");
      const version = versionOf([...shell, worker, ...UNHASHED.map((name) => readFileSync(here(`public/${name}`), "utf8")), pageOf(bundle)]);
      const source = worker
        .replace("__VERSION__", version)
        .replace('["__SHELL__"]', JSON.stringify(shell));
      this.emitFile({ type: "asset", fileName: "sw.js", source });
    },
  };
}

export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: [serviceWorker()],
  build: {
    outDir: here("../src/tonnam_cloud/web_dist"),
    emptyOutDir: true,
    target: ["chrome87", "safari14", "firefox90"],
    assetsInlineLimit: 0,
    reportCompressedSize: true,
  },
  server: { proxy: { "/api": process.env["TONNAM_API"] ?? "http://localhost:8080" } },
});
