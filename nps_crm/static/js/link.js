// A public link's page on a kiosk or inside another web site. Everything essential works without this script.

const start = document.querySelector("meta[name=kiosk-start]")?.content;
const origins = document.querySelector("meta[name=embed-origins]")?.content.split(" ").filter(Boolean) ?? [];

if (start) kiosk();
if (origins.length) embed();

function kiosk() {
  // Back to the start without a trace: the page that is left does not stay in the history.
  const restart = () => location.replace(start);
  const write = (place, seconds) => { place.textContent = place.dataset.text.replace("{seconds}", Math.max(0, Math.ceil(seconds))); };

  // A page taken out of the browser's memory still holds what somebody else typed.
  addEventListener("pageshow", (event) => { if (event.persisted) restart(); });

  const countdown = document.querySelector("[data-countdown]");
  if (countdown) {
    const until = performance.now() + Number(countdown.dataset.countdown) * 1000;
    const tick = () => {
      const left = (until - performance.now()) / 1000;
      if (left <= 0) restart();
      else { write(countdown, left); setTimeout(tick, 250); }
    };
    tick();
  }

  const idle = document.querySelector("[data-idle]");
  if (idle) {
    const form = document.querySelector("form[data-respond]");
    const limit = Number(idle.dataset.idle) * 1000;
    const warning = Math.min(15_000, limit / 2);
    let begun = Boolean(form?.querySelector("[name=score]:checked"));
    let touched = performance.now();
    const alive = () => { begun = true; touched = performance.now(); idle.hidden = true; };
    for (const name of ["pointerdown", "keydown", "input", "touchstart", "wheel"]) addEventListener(name, alive, { passive: true });
    setInterval(() => {
      const left = limit - (performance.now() - touched);
      if (!begun || form?.dataset.sent !== undefined) return;
      if (left <= 0) restart();
      // Said once: a text that changed every second would be read aloud every second.
      else if (left <= warning && idle.hidden) { write(idle, left / 1000); idle.hidden = false; }
    }, 250);
  }
}

function embed() {
  // Only a height is told, only to the web sites of the link. Nothing is listened to: no message can answer for a person.
  let told = 0;
  const tell = () => {
    const height = Math.ceil(document.body.getBoundingClientRect().height);
    if (height === told || parent === window) return;
    told = height;
    for (const origin of known()) parent.postMessage({ type: "nps-crm:height", height }, origin);
  };
  // Where the browser tells who frames us, the message goes there alone; else to each of the link's web sites, of which
  // the browser delivers to the one that is there.
  const known = () => {
    const above = location.ancestorOrigins;
    return above?.length ? origins.filter((origin) => origin === above[0]) : origins;
  };
  new ResizeObserver(tell).observe(document.body);
  tell();
}
