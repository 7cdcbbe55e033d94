// The hosted page. Without this script the form works the same; with it, the first thing a person does on the page
// commits the chosen score, so that it counts even if nothing more is sent. A script that merely runs does nothing.

const form = document.querySelector("form[data-respond]");
const openedAt = performance.now();
const SETTLED = 1700; // a little more than the page age below which the server believes nobody
const PAUSE = 900; // after the last change of the score, so that trying several numbers sends one
// No scroll event: a script can cause those, and they count as trusted. A wheel or a finger cannot be faked from a page.
const GESTURES = { pointerdown: "pointer", touchstart: "touch", keydown: "key", wheel: "wheel", click: "click" };

if (form) {
  const field = (name) => form.elements.namedItem(name);
  let gesture = "";
  let sent = null; // the score last committed
  let timer = 0;
  let seen = 0;
  let seenSince = document.visibilityState === "visible" ? performance.now() : null;

  field("script").value = "1";

  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") seenSince = performance.now();
    else if (seenSince !== null) { seen += performance.now() - seenSince; seenSince = null; }
  });
  const seconds = () => ((seen + (seenSince === null ? 0 : performance.now() - seenSince)) / 1000).toFixed(1);
  const chosen = () => form.querySelector("input[name=score]:checked")?.value ?? "";

  const body = () => new URLSearchParams({
    nonce: field("nonce").value, lang: field("lang").value, score: chosen(), gesture, script: "1", seconds: seconds(), via: "button",
  });

  async function commit() {
    timer = 0;
    const score = chosen();
    if (!form.dataset.confirm || !gesture || !score || score === sent || form.dataset.sent !== undefined) return;
    sent = score;
    try {
      const answer = await fetch(form.dataset.confirm, { method: "POST", body: body(), credentials: "omit", keepalive: true });
      if (answer.status === 204) form.querySelector("[data-status]").textContent = form.dataset.saved;
    } catch { sent = null; }
  }
  function soon(pause) {
    if (!form.dataset.confirm) return;
    clearTimeout(timer);
    timer = setTimeout(commit, Math.max(pause, SETTLED - (performance.now() - openedAt)));
  }

  for (const [name, kind] of Object.entries(GESTURES)) {
    document.addEventListener(name, (event) => {
      if (!event.isTrusted || gesture) return;
      gesture = kind;
      field("gesture").value = kind;
      soon(PAUSE);
    }, { capture: true, passive: true });
  }

  const follow = form.querySelector(".follow-up");
  function showFollowUp() {
    const category = form.querySelector("input[name=score]:checked")?.dataset.category ?? "any";
    follow.dataset.category = category;
    document.getElementById("comment").setAttribute("aria-labelledby", `follow-up-${category}`);
  }
  form.addEventListener("change", (event) => {
    if (event.target.name !== "score") return;
    showFollowUp();
    soon(PAUSE);
  });
  showFollowUp();

  // Leaving early: what was chosen by a person is still told.
  addEventListener("pagehide", () => {
    if (timer && gesture && chosen() && chosen() !== sent && performance.now() - openedAt >= 1500) {
      clearTimeout(timer);
      navigator.sendBeacon(form.dataset.confirm, body());
    }
  });

  form.addEventListener("submit", (event) => {
    field("seconds").value = seconds();
    if (form.dataset.sent !== undefined) { event.preventDefault(); return; }
    const wait = SETTLED - (performance.now() - openedAt);
    if (gesture && wait > 0) {
      event.preventDefault();
      setTimeout(() => form.requestSubmit(event.submitter), wait);
      return;
    }
    form.dataset.sent = "";
    clearTimeout(timer);
    // After this turn: a disabled button would take its own name and value out of what is sent.
    setTimeout(() => {
      for (const button of form.querySelectorAll("button")) button.setAttribute("aria-busy", "true");
      form.querySelector("[data-status]").textContent = form.dataset.sending;
    });
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    delete form.dataset.sent;
    form.querySelector("[data-status]").textContent = "";
    for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-busy");
  });
}
