/** Water now: how long, then one clear question, then it goes. */

import { useEffect, useRef, useState } from "preact/hooks";
import { endedBy } from "../state/cloud";
import { give, watering, type ZonePlace } from "../state/commands";
import { useWords } from "../words";
import { Icon } from "./icons";

const USUAL_MIN = 10;
const CHOICES_MIN = [5, 10, 20, 30];

export function WaterNow({ place, name, max_run_s }: { place: ZonePlace; name: string; max_run_s: number }) {
  const most = Math.max(1, Math.floor(max_run_s / 60));
  const [minutes, setMinutes] = useState(Math.min(USUAL_MIN, most));
  const [asking, ask] = useState(false);
  const bounded = (n: number) => setMinutes(Math.min(most, Math.max(1, n)));
  const { t } = useWords();
  if (asking) {
    const no = () => ask(false);
    return <Confirm place={place} name={name} minutes={minutes} no={no} />;
  }
  return (
    <section class="card water-now">
      <h2>{t("water_now")}</h2>
      <Stepper minutes={minutes} most={most} set={bounded} />
      <button type="button" class="primary" onClick={() => ask(true)}>
        <Icon name="drop" size={28} /> {t("water_for", { n: minutes })}
      </button>
    </section>
  );
}

function Stepper({ minutes, most, set }: { minutes: number; most: number; set(n: number): void }) {
  const { t } = useWords();
  return (
    <fieldset class="stepper">
      <legend>{t("how_long")}</legend>
      <div class="stepper-row">
        <button type="button" aria-label={t("fewer")} aria-disabled={minutes <= 1} onClick={() => set(minutes - 1)}>
          <Icon name="minus" size={32} />
        </button>
        <output aria-live="polite">{t("minutes", { n: minutes })}</output>
        <button type="button" aria-label={t("more")} aria-disabled={minutes >= most} onClick={() => set(minutes + 1)}>
          <Icon name="plus" size={32} />
        </button>
      </div>
      <div class="choices">
        {CHOICES_MIN.filter((n) => n <= most).map((n) => (
          <button type="button" key={n} aria-pressed={n === minutes} onClick={() => set(n)}>
            {t("minutes", { n })}
          </button>
        ))}
      </div>
      <p class="hint">{t("at_most", { n: most })}</p>
    </fieldset>
  );
}

function Confirm({ place, name, minutes, no }: { place: ZonePlace; name: string; minutes: number; no(): void }) {
  const { t } = useWords();
  const question = useRef<HTMLHeadingElement>(null);
  useEffect(() => question.current?.focus(), []);
  const yes = () => {
    no();
    void give(watering(place, minutes), endedBy);
  };
  return (
    <section class="card water-now" aria-labelledby="confirm-question">
      <h2 id="confirm-question" tabIndex={-1} ref={question}>
        {t("confirm_question", { zone: name, n: minutes })}
      </h2>
      <button type="button" class="primary" onClick={yes}>
        <Icon name="check" size={28} /> {t("confirm_yes")}
      </button>
      <button type="button" class="secondary" onClick={no}>
        {t("confirm_no")}
      </button>
    </section>
  );
}
