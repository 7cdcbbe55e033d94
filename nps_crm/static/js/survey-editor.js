// The preview beside a survey. The server renders it; here it is asked for again a moment after something changed.

const PAUSE = 450;
const box = document.querySelector("[data-preview]");

if (box) {
  const editor = document.querySelector("form[data-survey-editor]");
  const form = editor ?? box;
  const button = form.querySelector("[data-preview-button]");
  const subject = document.querySelector("[data-preview-subject]");
  let timer = 0;
  let number = 0;

  const current = () => box.querySelector("iframe:not([hidden])");

  // The document's title is the mail's subject. The frame has our origin but runs nothing.
  function tellSubject(frame) {
    const view = box.querySelector("[name=preview-view]:checked")?.value ?? document.querySelector("[name=preview-view]:checked")?.value;
    const title = frame.contentDocument?.title ?? "";
    if (subject) subject.textContent = view === "mail" && title ? `Subject: ${title}` : "";
  }
  current().addEventListener("load", () => tellSubject(current()));

  // A new frame each time, shown once it is loaded: no flicker, no entries in the history, and the place is kept.
  function refresh() {
    clearTimeout(timer);
    const old = current();
    for (const late of box.querySelectorAll("iframe[hidden]")) late.remove();
    const frame = document.createElement("iframe");
    frame.name = `preview-${++number}`;
    frame.title = "Preview";
    frame.setAttribute("sandbox", "allow-same-origin");
    frame.hidden = true;
    box.append(frame);
    frame.addEventListener("load", () => {
      if (!frame.contentDocument || frame.contentDocument.URL === "about:blank") return;
      const top = old.contentWindow?.scrollY ?? 0;
      frame.hidden = false;
      old.remove();
      frame.contentWindow?.scrollTo(0, top);
      tellSubject(frame);
    });
    if (button) {
      button.formTarget = frame.name;
      form.requestSubmit(button);
    } else {
      form.target = frame.name;
      form.requestSubmit();
    }
  }
  const soon = () => { clearTimeout(timer); timer = setTimeout(refresh, PAUSE); };

  form.addEventListener("input", (event) => { if (event.target.type !== "file") soon(); });
  for (const control of document.querySelectorAll("[name^=preview-]")) control.addEventListener("change", refresh);

  for (const choice of box.querySelectorAll("[data-preview-width]")) {
    choice.addEventListener("click", () => {
      box.classList.toggle("phone", choice.dataset.previewWidth === "phone");
      for (const other of box.querySelectorAll("[data-preview-width]")) other.setAttribute("aria-pressed", String(other === choice));
    });
  }

  // The texts of a language are folded away while it is not ticked, and follow the preview's language.
  editor?.addEventListener("change", (event) => {
    if (event.target.name === "languages") {
      const section = editor.querySelector(`[data-language="${CSS.escape(event.target.value)}"]`);
      if (section) section.open = event.target.checked;
    }
  });
  // A link to one field ("Missing texts") opens what it is folded away in.
  const target = location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null;
  for (let fold = target?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  if (target?.matches("input, textarea, select")) target.focus();

  // Whether text can be read on the brand colour is said by the server while one is chosen.
  const contrast = document.querySelector("[data-contrast]");
  const colour = editor?.elements.namedItem("brand_colour");
  let asking = 0;
  async function tellContrast() {
    const mine = ++asking;
    const url = `${contrast.dataset.contrast}?brand_colour=${encodeURIComponent(colour.value)}`;
    const answer = await fetch(url, { headers: { "X-Requested-With": "fetch" } });
    if (!answer.ok || mine !== asking) return;
    const told = new DOMParser().parseFromString(await answer.text(), "text/html");
    contrast.replaceChildren(...told.body.children);
  }
  if (contrast && colour) {
    let waiting = 0;
    colour.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(tellContrast, 250); });
    tellContrast();
  }
  // How an SMS counts depends on more than its own text: the names and the question are in it too.
  const counts = [...(editor?.querySelectorAll("[data-sms-count]") ?? [])];
  let counting = 0;
  async function tellCounts() {
    const mine = ++counting;
    for (const place of counts.filter((one) => one.closest("details")?.open)) {
      const typed = new FormData(editor);
      typed.delete("picture");
      const answer = await fetch(place.dataset.smsCount, { method: "POST", body: typed, headers: { "X-Requested-With": "fetch" } });
      if (!answer.ok || mine !== counting) return;
      const told = new DOMParser().parseFromString(await answer.text(), "text/html");
      place.replaceChildren(...told.body.children);
    }
  }
  if (counts.length) {
    let waiting = 0;
    editor.addEventListener("input", (event) => {
      if (event.target.type === "file") return;
      clearTimeout(waiting);
      waiting = setTimeout(tellCounts, PAUSE);
    });
  }
  if (editor && !current().getAttribute("src")) refresh();

  // Leaving with changes asks first; saving and previewing do not.
  let leaving = false;
  editor?.addEventListener("submit", (event) => { if (event.submitter !== button) leaving = true; });
  addEventListener("beforeunload", (event) => {
    if (editor?.hasAttribute("data-dirty") && !leaving) event.preventDefault();
  });
}
