import { useEffect, useState } from "preact/hooks";
import { cloudNow } from "./cloud";

/** The cloud's time, told anew every second while the page is looked at. */
export function useNow(every_ms = 1000): number {
  const [now, tick] = useState(cloudNow());
  useEffect(() => {
    const timer = setInterval(() => document.hidden || tick(cloudNow()), every_ms);
    return () => clearInterval(timer);
  }, [every_ms]);
  return now;
}
