import { render } from "preact";
import { App } from "./app";
import { watchTheAddress } from "./route";
import { begin, watchThePage } from "./state/cloud";
import { speakAsBefore } from "./words";
import "./style/fonts.css";
import "./style/tokens.css";
import "./style/base.css";
import "./style/parts.css";
import "./style/pages.css";

const root = document.getElementById("app");
void speakAsBefore().then(() => root && render(<App />, root));
watchTheAddress();
watchThePage();
void begin();

// Only over HTTPS or on localhost; elsewhere the page works without.
if ("serviceWorker" in navigator && import.meta.env.PROD) {
  navigator.serviceWorker.register("/sw.js").catch(() => undefined);
}
