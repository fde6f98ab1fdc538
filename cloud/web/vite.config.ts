import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Writes sw.js from src/service-worker.js, with the list of what was built and a version made from it. */
function serviceWorker(): Plugin {
  return {
    name: "tonnam-service-worker",
    apply: "build",
    enforce: "post",
    generateBundle(_options, bundle) {
      const built = Object.keys(bundle).filter((name) => !name.endsWith(".map") && name !== "index.html");
      const shell = ["/", "/icon.svg", "/manifest.webmanifest", ...built.map((name) => `/${name}`)];
      const version = createHash("sha256").update(shell.join("\n")).digest("hex").slice(0, 12);
      const source = readFileSync(here("src/service-worker.js"), "utf8")
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
