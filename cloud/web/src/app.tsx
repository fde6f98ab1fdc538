/** Which page is shown, and to whom. */

import { useEffect } from "preact/hooks";
import { Home } from "./pages/home";
import { LinkIn, SignIn } from "./pages/signin";
import { TownPage } from "./pages/town";
import { ZonePage } from "./pages/zone";
import { Alerts } from "./parts/alerts";
import { BackHome, ConnectionNotice, Foot, Hero, Tabs, TopBar } from "./parts/shell";
import { route, type Route } from "./route";
import { link, session } from "./state/cloud";
import { useStore } from "./state/store";
import { language, useWords } from "./words";

export function App() {
  const who = useStore(session);
  const at = useStore(route);
  useDocumentLanguage();
  if (at.page === "link") return <LinkIn token={at.token} />;
  if (who.is === "unknown") return <Waiting />;
  if (who.is === "out") return <SignIn ended={who.ended} />;
  return <Signed at={at} />;
}

function useDocumentLanguage(): void {
  const spoken = useStore(language);
  useEffect(() => {
    document.documentElement.lang = spoken;
  }, [spoken]);
}

function Waiting() {
  const { t } = useWords();
  const away = useStore(link) === "offline";
  return (
    <main class="waiting" id="content">
      <h1>{t("name")}</h1>
      <p role="status">{t(away ? "nothing_yet" : "loading")}</p>
    </main>
  );
}

function Signed({ at }: { at: Route }) {
  const { t } = useWords();
  useEffect(() => window.scrollTo(0, 0), [at]);
  const toContent = (event: Event) => {
    event.preventDefault();
    document.querySelector<HTMLElement>("h1")?.focus();
  };
  return (
    <>
      <a class="skip" href="#content" onClick={toContent}>
        {t("skip")}
      </a>
      <TopBar />
      <Tabs />
      <main id="content">
        <ConnectionNotice />
        <Alerts />
        <Page at={at} />
      </main>
      <Foot />
    </>
  );
}

function Page({ at }: { at: Route }) {
  const { t } = useWords();
  switch (at.page) {
    case "town":
      return <TownPage key="town" />;
    case "zone":
      return <ZonePage key={`${at.tenant}/${at.site}/${at.zone}`} at={at} />;
    case "nowhere":
      return (
        <Hero title={t("not_found")}>
          <BackHome />
        </Hero>
      );
    default:
      return <Home key="home" />;
  }
}
