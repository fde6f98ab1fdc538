/** Signing in: a form that password managers know, or a one-time link. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { api, Failure } from "../api/client";
import type { Text } from "../api/types";
import { Contours } from "../parts/contours";
import { Icon, Mark } from "../parts/icons";
import { LanguageSwitch } from "../parts/shell";
import { goHome } from "../route";
import { enter } from "../state/cloud";
import { useWords, type Key } from "../words";

type Trouble = Extract<Key, "sign_in_wrong" | "sign_in_away" | "sign_in_often" | "sign_in_empty" | "link_spent" | "ended"> | Text;

/** What went wrong, in our words, or in the cloud's own where only it knows, as how long to wait. */
function troubleOf(failure: unknown): Trouble {
  if (!(failure instanceof Failure) || failure.kind === "away") return "sign_in_away";
  return failure.status === 429 ? (failure.text ?? "sign_in_often") : "sign_in_wrong";
}

export function SignIn({ ended }: { ended: boolean }) {
  const { t } = useWords();
  const [trouble, say] = useState<Trouble | null>(ended ? "ended" : null);
  const [busy, work] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  useTitle(t("sign_in"));

  const submit = async (event: Event) => {
    event.preventDefault();
    const given = new FormData(form.current ?? undefined);
    const [username, password] = [String(given.get("username") ?? "").trim(), String(given.get("password") ?? "")];
    if (!username || !password) return say("sign_in_empty");
    work(true);
    say(null);
    try {
      await api.signIn(username, password);
      enter(await api.me());
    } catch (failure) {
      say(troubleOf(failure));
      work(false);
    }
  };

  return (
    <SignInFrame>
      <form class="card sign-in" ref={form} onSubmit={submit} noValidate>
        <TroubleSaid trouble={trouble} />
        <label for="username">{t("username")}</label>
        <input id="username" name="username" autocomplete="username" autocapitalize="none" spellcheck={false} required />
        <PasswordField />
        <button type="submit" class="primary" aria-disabled={busy}>
          {t(busy ? "signing_in" : "sign_in")}
        </button>
      </form>
    </SignInFrame>
  );
}

function PasswordField() {
  const { t } = useWords();
  const [shown, show] = useState(false);
  const type = shown ? ({ type: "text" } as const) : ({ type: "password" } as const);
  return (
    <>
      <label for="password">{t("password")}</label>
      <input id="password" name="password" {...type} autocomplete="current-password" required />
      <button type="button" class="quiet" aria-pressed={shown} onClick={() => show(!shown)}>
        <Icon name="watching" /> {t(shown ? "hide_password" : "show_password")}
      </button>
    </>
  );
}

function TroubleSaid({ trouble }: { trouble: Trouble | null }) {
  const { t, pick } = useWords();
  return (
    <div role="alert">
      {trouble && (
        <p class="notice">
          <Icon name="warning" /> {typeof trouble === "string" ? t(trouble) : pick(trouble)}
        </p>
      )}
    </div>
  );
}

/** The page behind a one-time link: it signs in by itself and goes home, leaving no token in the history. */
export function LinkIn({ token }: { token: string }) {
  const { t } = useWords();
  const [trouble, say] = useState<Trouble | null>(null);
  useTitle(t("sign_in"));
  useEffect(() => {
    api
      .signInByLink(token)
      .then(() => api.me())
      .then((me) => {
        goHome();
        enter(me);
      })
      .catch((failure) => say(troubleOf(failure) === "sign_in_wrong" ? "link_spent" : troubleOf(failure)));
  }, [token]);
  return (
    <SignInFrame>
      <div class="card sign-in">
        <TroubleSaid trouble={trouble} />
        {trouble ? (
          <button type="button" class="primary" onClick={goHome}>
            {t("link_to_sign_in")}
          </button>
        ) : (
          <p role="status">{t("link_working")}</p>
        )}
      </div>
    </SignInFrame>
  );
}

function SignInFrame({ children }: { children: ComponentChildren }) {
  const { t } = useWords();
  return (
    <main class="sign-in-page" id="content">
      <Contours />
      <LanguageSwitch />
      <div class="sign-in-brand">
        <Mark size={72} />
        <h1>{t("name")}</h1>
        <p>{t("sign_in_lead")}</p>
      </div>
      {children}
    </main>
  );
}

function useTitle(title: string): void {
  const { t } = useWords();
  useEffect(() => {
    document.title = `${title} · ${t("name")}`;
  }, [title]);
}
