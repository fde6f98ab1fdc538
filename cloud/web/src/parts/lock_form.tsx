/** Lock the water off from afar, for who works at the pipes: why, where, one question, then it goes. */

import { useEffect, useRef, useState } from "preact/hooks";
import { endedBy } from "../state/cloud";
import { give, locking, type ZonePlace } from "../state/commands";
import { useWords } from "../words";
import { Icon } from "./icons";

const LONGEST_WHY = 200;

/** `at` is where the page says what becomes of it. */
export function LockForm({ at, place, name }: { at: string; place: ZonePlace; name: string }) {
  const { t } = useWords();
  const [why, say] = useState("");
  const [asked, ask] = useState<"zone" | "site" | null>(null);
  const [missing, miss] = useState(false);
  const wish = (what: "zone" | "site") => (why.trim() ? ask(what) : miss(true));
  if (asked) {
    const done = () => ask(null);
    return <LockQuestion at={at} place={place} zone={asked === "zone" ? place.zone : null} name={name} why={why.trim()} done={done} />;
  }
  return (
    <details class="card lock-form">
      <summary>
        <Icon name="lock" /> {t("lock_here")} <Icon name="down" />
      </summary>
      <p class="hint">{t("lock_lead")}</p>
      <label for="lock-why">{t("lock_why")}</label>
      <input
        id="lock-why"
        maxLength={LONGEST_WHY}
        value={why}
        aria-invalid={missing && !why.trim()}
        aria-describedby="lock-why-missing"
        onInput={(event) => say(event.currentTarget.value)}
      />
      <p id="lock-why-missing" class="lock-missing" role="alert">
        {missing && !why.trim() && t("lock_why_missing")}
      </p>
      <button type="button" class="secondary" onClick={() => wish("zone")}>
        {t("lock_zone", { zone: name })}
      </button>
      <button type="button" class="secondary" onClick={() => wish("site")}>
        {t("lock_site")}
      </button>
    </details>
  );
}

function LockQuestion(asks: { at: string; place: ZonePlace; zone: string | null; name: string; why: string; done(): void }) {
  const { t } = useWords();
  const question = useRef<HTMLHeadingElement>(null);
  useEffect(() => question.current?.focus(), []);
  const yes = () => {
    asks.done();
    void give(locking(asks.at, asks.place, asks.zone, asks.why), endedBy);
  };
  return (
    <section class="card asks" aria-labelledby="lock-question">
      <h2 id="lock-question" tabIndex={-1} ref={question}>
        {t("lock_question", { what: asks.zone === null ? t("lock_all") : asks.name })}
      </h2>
      <p>{t("because", { reason: asks.why })}</p>
      <button type="button" class="primary" onClick={yes}>
        <Icon name="lock" /> {t("lock_yes")}
      </button>
      <button type="button" class="secondary" onClick={asks.done}>
        {t("lock_no")}
      </button>
    </section>
  );
}
