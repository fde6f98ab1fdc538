/** What stands around every page: the mark, the connection, the language, the way between pages. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Overview } from "../api/types";
import { heardAt, link, overview, session, signOut, type Link } from "../state/cloud";
import { justMoved, route, type Route } from "../route";
import { useNow } from "../state/clock";
import { useStore } from "../state/store";
import { speak, useWords } from "../words";
import { clockOfDay } from "../words/format";
import { Contours } from "./contours";
import { Icon, Mark } from "./icons";
import { isSilent } from "./running";

export function TopBar() {
  const { t } = useWords();
  const who = useStore(session);
  return (
    <header class="topbar">
      <a class="brand" href="#/">
        <Mark />
        <span>{t("name")}</span>
      </a>
      {who.is === "in" && <Connection />}
      <LanguageSwitch />
    </header>
  );
}

export function LanguageSwitch() {
  const { t, language } = useWords();
  const other = language === "th" ? "en" : "th";
  return (
    <button type="button" class="language" lang={other} onClick={() => void speak(other)}>
      <span aria-hidden="true">{t("other_language_short")}</span>
      <span class="only-heard">{t("other_language")}</span>
    </button>
  );
}

const SHAPE: Record<Link, string> = { live: "is-live", connecting: "is-waiting", reconnecting: "is-waiting", offline: "is-offline" };

/** What is worst of the farms that the page shows: out of touch with the cloud, or connected but silent. */
function farmTrouble(seen: Overview | null, at: Route): "away" | "silent" | null {
  if (at.page !== "home" && at.page !== "zone") return null;
  const shown = seen?.sites.filter((site) => at.page === "home" || (site.tenant === at.tenant && site.id === at.site)) ?? [];
  if (shown.some((site) => !site.node.online)) return "away";
  return shown.some(isSilent) ? "silent" : null;
}

/** The page's own connection, but for a farm that is not heard, which matters more than a page that is well connected. */
function Connection() {
  const { t } = useWords();
  const now = useStore(link);
  const trouble = farmTrouble(useStore(overview), useStore(route));
  if (now === "live" && trouble) return <Badge shape="is-away" word={t(`farm_${trouble}`)} title={t(`verdict_${trouble}`)} />;
  const word = now === "live" ? t("live") : now === "offline" ? t("offline") : t("reconnecting");
  return <Badge shape={SHAPE[now]} word={word} title={now === "live" ? t("live_long") : word} />;
}

function Badge({ shape, word, title }: { shape: string; word: string; title: string }) {
  return (
    <p class={`connection ${shape}`} title={title}>
      <span class="connection-dot" aria-hidden="true" />
      {word}
    </p>
  );
}

/** Says that what is seen is not from now, and from when it is. */
export function ConnectionNotice() {
  const words = useWords();
  const now = useStore(link);
  const heard = useStore(heardAt);
  const today = useNow(30_000);
  const away = now === "offline" || now === "reconnecting";
  const time = heard === null ? "" : clockOfDay(heard, today, words);
  const text = heard === null ? words.t("nothing_yet") : now === "offline" ? words.t("offline_from", { time }) : words.t("reconnecting_from", { time });
  return (
    <div role="status" class="notice-place">
      {away && (
        <p class="notice">
          <Icon name="heard" /> {text}
        </p>
      )}
    </div>
  );
}

export function Tabs() {
  const { t } = useWords();
  const { page } = useStore(route);
  const tab = (href: string, here: boolean, icon: "farm" | "town") => (
    <a href={href} aria-current={here ? "page" : undefined}>
      <Icon name={icon} size={28} />
      <span>{t(icon)}</span>
    </a>
  );
  return (
    <nav class="tabs" aria-label={t("nav")}>
      {tab("#/", page === "home" || page === "zone", "farm")}
      {tab("#/town", page === "town", "town")}
    </nav>
  );
}

export function Foot() {
  const { t } = useWords();
  const who = useStore(session);
  if (who.is !== "in") return null;
  return (
    <footer class="foot">
      <p>{t("signed_in_as", { name: who.me.user.display_name })}</p>
      <button type="button" class="quiet" onClick={() => void signOut()}>
        <Icon name="out" /> {t("sign_out")}
      </button>
    </footer>
  );
}

export function BackHome() {
  const { t } = useWords();
  return (
    <a class="back" href="#/">
      <Icon name="back" /> {t("back_home")}
    </a>
  );
}

interface HeroProps {
  title: string;
  /** Makes the heading small, for a page whose first word is something else. */
  under?: boolean;
  /** This head stands only until the page is loaded. */
  passing?: boolean;
  children?: ComponentChildren;
}

/** The page's head on the hillside. Its heading takes the focus when one comes from another page. */
export function Hero({ title, under, passing, children }: HeroProps) {
  const { t } = useWords();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · ${t("name")}`;
  }, [title]);
  useEffect(() => {
    if (!passing && justMoved()) heading.current?.focus();
  }, []);
  return (
    <section class="hero">
      <Contours />
      <div class="hero-inside">
        <h1 class={under ? "hero-under" : "verdict"} tabIndex={-1} ref={heading}>
          {title}
        </h1>
        {children}
      </div>
    </section>
  );
}
