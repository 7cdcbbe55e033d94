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
  const score = () => form.querySelector("input[name=score]:checked, input[type=hidden][name=score]");
  const chosen = () => score()?.value ?? "";

  const body = () => new URLSearchParams({
    nonce: field("nonce").value, lang: field("lang").value, score: chosen(), gesture, script: "1", seconds: seconds(), via: "button",
  });

  async function commit() {
    timer = 0;
    const picked = chosen();
    if (!form.dataset.confirm || !gesture || !picked || picked === sent || form.dataset.sent !== undefined) return;
    sent = picked;
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

  // Further questions: shown when their condition holds, in their order, so that one can hang on another. What is hidden
  // is disabled and not sent. The server decides again when the form arrives.
  const questions = [...form.querySelectorAll("[data-question]")];
  const answersTo = (box) => box && !box.disabled
    ? [...box.querySelectorAll("input:checked")].map((input) => input.value) : [];
  function holds(when) {
    if (when.show === "always") return true;
    if (when.show === "answer") {
      return answersTo(questions.find((box) => box.dataset.question === when.question)).some((value) => when.values.includes(value));
    }
    if (!score()) return false;
    if (when.show === "level") return when.levels.includes(score().dataset.category);
    return (when.low === null || Number(chosen()) >= when.low) && (when.high === null || Number(chosen()) <= when.high);
  }
  const isStep = !form.querySelector(".follow-up");
  function showQuestions() {
    for (const box of questions) {
      // On a page of its own the server has chosen the questions; an earlier one they hang on may not be there.
      const when = JSON.parse(box.dataset.when);
      const isFree = when.show !== "answer" || questions.some((other) => other.dataset.question === when.question);
      if (isStep && !isFree) continue;
      const isShown = holds(when);
      box.hidden = !isShown;
      box.disabled = !isShown;
    }
  }
  form.addEventListener("change", showQuestions);

  const follow = form.querySelector(".follow-up");
  function showFollowUp() {
    if (!follow) return;
    const category = score()?.dataset.category ?? "any";
    follow.dataset.category = category;
    document.getElementById("comment").setAttribute("aria-labelledby", `follow-up-${category}`);
  }
  form.addEventListener("change", (event) => {
    if (event.target.name !== "score") return;
    showFollowUp();
    soon(PAUSE);
  });
  showFollowUp();
  showQuestions();

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
