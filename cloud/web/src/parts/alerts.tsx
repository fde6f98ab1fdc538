import type { Alert } from "../api/types";
import { useNow } from "../state/clock";
import { overview } from "../state/cloud";
import { useStore } from "../state/store";
import { useWords } from "../words";
import { when } from "../words/format";
import { Icon } from "./icons";

/**
 * What needs a person, of farm and town, the urgent first: on every page, above it.
 * A place for it is always there, so that a new one is announced.
 */
export function Alerts() {
  const words = useWords();
  const seen = useStore(overview);
  const open = (seen?.alerts ?? []).filter((alert) => alert.state === "firing");
  const urgentFirst = [...open].sort((a, b) => Number(b.severity === "critical") - Number(a.severity === "critical"));
  return (
    <section class="alerts" aria-label={words.t("alerts")} aria-live="polite">
      {urgentFirst.map((alert) => (
        <AlertCard key={alert.id} alert={alert} />
      ))}
    </section>
  );
}

function AlertCard({ alert }: { alert: Alert }) {
  const words = useWords();
  const now = useNow(30_000);
  const critical = alert.severity === "critical";
  return (
    <article class={`alert ${critical ? "is-critical" : "is-warning"}`}>
      <Icon name={critical ? "critical" : "warning"} size={30} />
      <div>
        <h2>
          <span class="alert-kind">{words.t(critical ? "alert_critical" : "alert_warning")}</span> {words.pick(alert.title)}
        </h2>
        <p>{words.pick(alert.text)}</p>
        <p class="hint">{words.t("since", { time: when(alert.since, now, words) })}</p>
      </div>
    </article>
  );
}
