/** Water now: how long or how much, then one clear question, then it goes. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Amount } from "../api/types";
import { endedBy } from "../state/cloud";
import { give, watering, type ZonePlace } from "../state/commands";
import { useWords } from "../words";
import { number } from "../words/format";
import { Icon } from "./icons";

const USUAL_MIN = 10;
const CHOICES_MIN = [5, 10, 20, 30];
const USUAL_L = 200;
const CHOICES_L = [100, 200, 500, 1000];
const MOST_L = 100_000;

type Unit = "minutes" | "litres";
const UNITS: readonly Unit[] = ["minutes", "litres"];

export function WaterNow({ place, name, max_run_s }: { place: ZonePlace; name: string; max_run_s: number }) {
  const most = Math.max(1, Math.floor(max_run_s / 60));
  const [unit, setUnit] = useState<Unit>("minutes");
  const [minutes, setMinutes] = useState(Math.min(USUAL_MIN, most));
  const [litres, setLitres] = useState(USUAL_L);
  const [asking, ask] = useState(false);
  const { t, language } = useWords();
  const amount: Amount = unit === "litres" ? { litres } : { minutes };
  if (asking) return <Confirm place={place} name={name} amount={amount} no={() => ask(false)} />;
  return (
    <section class="card water-now">
      <h2>{t("water_now")}</h2>
      <div class="choices">
        {UNITS.map((each) => (
          <button type="button" key={each} aria-pressed={each === unit} onClick={() => setUnit(each)}>
            {t(each === "litres" ? "by_litres" : "by_time")}
          </button>
        ))}
      </div>
      {unit === "litres" ? (
        <Stepper of={unit} value={litres} most={MOST_L} hint={most} set={setLitres} />
      ) : (
        <Stepper of={unit} value={minutes} most={most} hint={most} set={setMinutes} />
      )}
      <button type="button" class="primary" onClick={() => ask(true)}>
        <Icon name="drop" size={28} /> {unit === "litres" ? t("water_litres", { n: number(litres, 0, language) }) : t("water_for", { n: minutes })}
      </button>
    </section>
  );
}

const OF = {
  minutes: { unit: "minutes", step: 1, choices: CHOICES_MIN, legend: "how_long", fewer: "fewer", more: "more", hint: "at_most" },
  litres: { unit: "litres", step: 50, choices: CHOICES_L, legend: "how_much", fewer: "less_water", more: "more_water", hint: "at_most_litres" },
  order: { unit: "minutes", step: 1, choices: CHOICES_MIN, legend: "order_how_long", fewer: "fewer", more: "more", hint: "order_most" },
} as const;

/** `hint` is the number in the words under it. */
export function Stepper(props: { of: keyof typeof OF; value: number; most: number; hint: number; set(n: number): void }) {
  const { value, most, hint, set } = props;
  const { t, language } = useWords();
  const of = OF[props.of];
  const { unit } = of;
  const bounded = (n: number) => set(Math.min(most, Math.max(of.step, n)));
  return (
    <fieldset class="stepper">
      <legend>{t(of.legend)}</legend>
      <div class="stepper-row">
        <button type="button" aria-label={t(of.fewer)} aria-disabled={value <= of.step} onClick={() => bounded(value - of.step)}>
          <Icon name="minus" size={32} />
        </button>
        <output aria-live="polite">{t(unit, { n: number(value, 0, language) })}</output>
        <button type="button" aria-label={t(of.more)} aria-disabled={value >= most} onClick={() => bounded(value + of.step)}>
          <Icon name="plus" size={32} />
        </button>
      </div>
      <div class="choices">
        {of.choices
          .filter((n) => n <= most)
          .map((n) => (
            <button type="button" key={n} aria-pressed={n === value} onClick={() => bounded(n)}>
              {t(unit, { n: number(n, 0, language) })}
            </button>
          ))}
      </div>
      <p class="hint">{t(of.hint, { n: hint })}</p>
    </fieldset>
  );
}

function Confirm({ place, name, amount, no }: { place: ZonePlace; name: string; amount: Amount; no(): void }) {
  const { t, language } = useWords();
  const question = useRef<HTMLHeadingElement>(null);
  useEffect(() => question.current?.focus(), []);
  const yes = () => {
    no();
    void give(watering(place, amount), endedBy);
  };
  return (
    <section class="card water-now" aria-labelledby="confirm-question">
      <h2 id="confirm-question" tabIndex={-1} ref={question}>
        {"litres" in amount
          ? t("confirm_litres", { zone: name, n: number(amount.litres, 0, language) })
          : t("confirm_question", { zone: name, n: amount.minutes })}
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
