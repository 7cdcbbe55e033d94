// Small behaviours of the pages. Everything here has a way without it: links, forms and native elements come first.
// Behaviour is bound by data attributes and delegated, so that fragments swapped in by htmx have it at once.

const root = document.documentElement;
root.classList.add("js");

const $ = (selector, from = document) => from.querySelector(selector);
const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];

// --- Saying things ----------------------------------------------------------------------------------------

/** Reads `text` out through the polite live region. */
function announce(text) {
  const live = $("#live");
  if (!live || !text) return;
  live.textContent = "";
  setTimeout(() => { live.textContent = text; }, 40);
}

/** Shows a passing note at the corner of the page; errors stay until dismissed. */
function toast(text, tone = "") {
  const place = $("#toasts");
  if (!place) return;
  const note = document.createElement("div");
  note.className = `message ${tone}`;
  note.setAttribute("role", tone === "d" ? "alert" : "status");
  const words = document.createElement("p");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "btn quiet small";
  close.textContent = "Dismiss";
  close.addEventListener("click", () => note.remove());
  note.append(words, close);
  place.append(note);
  if (tone !== "d") setTimeout(() => note.remove(), 6000);
}

// --- Dialogs, menus, dismissing ---------------------------------------------------------------------------

function openDialog(id) {
  const dialog = document.getElementById(id);
  if (!(dialog instanceof HTMLDialogElement) || dialog.open) return Boolean(dialog);
  dialog.showModal();
  return true;
}

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  if (!target) return;

  const opener = target.closest("[data-open]");
  if (opener && openDialog(opener.dataset.open)) {
    event.preventDefault();
    opener.closest("details.menu")?.removeAttribute("open");
    return;
  }
  if (target.closest("[data-close]")) {
    const dialog = target.closest("dialog");
    if (dialog) { event.preventDefault(); dialog.close(); }
    return;
  }
  // A click on the backdrop lands on the dialog itself, outside its box. A changed form is not thrown away.
  if (target instanceof HTMLDialogElement && target.open && !$("form[data-dirty]", target)) {
    const box = target.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside && event.clientX + event.clientY > 0) target.close();
  }
  target.closest("[data-dismiss]")?.closest(".message, .banner")?.remove();

  const copier = target.closest("[data-copy]");
  if (copier) {
    const source = document.getElementById(copier.dataset.copy);
    const text = source ? (source.value ?? source.textContent).trim() : "";
    navigator.clipboard?.writeText(text).then(() => toast("Copied."), () => toast("The browser did not allow copying. Select the text instead.", "n"));
  }
  if (target.closest("[data-theme-next]")) nextTheme(target.closest("[data-theme-next]"));

  // One menu open at a time; a click elsewhere closes it.
  for (const menu of $$("details.menu[open]")) if (!menu.contains(target)) menu.removeAttribute("open");
});

document.addEventListener("input", (event) => { event.target.form?.setAttribute("data-dirty", ""); });

const THEMES = ["", "light", "dark"];
function nextTheme(button) {
  const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "") + 1) % THEMES.length];
  if (next) root.dataset.theme = next; else delete root.dataset.theme;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `theme=${next}; path=/; SameSite=Lax; max-age=${next ? 31536000 : 0}${secure}`;
  const label = $("span", button);
  if (label) label.textContent = `Theme: ${next || "system"}`;
}

// --- Forms ------------------------------------------------------------------------------------------------

// A second press of the same button while the first is on its way sends nothing.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || event.defaultPrevented) return;
  if (form.method !== "post" || form.hasAttribute("hx-post") || form.dataset.repeat !== undefined) return;
  if (form.dataset.sent !== undefined) { event.preventDefault(); return; }
  form.dataset.sent = "";
  // After this turn: a disabled button would take its own name and value out of what is sent.
  setTimeout(() => { for (const button of [...form.elements].filter((e) => e.type === "submit")) button.setAttribute("aria-busy", "true"); });
});
function release(scope = document) {
  for (const form of $$("form[data-sent]", scope)) {
    delete form.dataset.sent;
    for (const button of $$("[aria-busy]", form)) button.removeAttribute("aria-busy");
  }
}
// Coming back with the browser's Back button revives the page as it was left: busy.
addEventListener("pageshow", () => release());

// Filter forms apply as they are changed; the button is there for those without script.
document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (form?.hasAttribute("data-auto-submit") && event.target.type !== "search") form.requestSubmit();
});

// --- Selecting many rows ----------------------------------------------------------------------------------

function updateBulk(scope) {
  const boxes = $$("input[data-bulk]", scope);
  const chosen = boxes.filter((box) => box.checked).length;
  const all = $("input[data-bulk-all]", scope);
  if (all) {
    all.checked = boxes.length > 0 && chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  }
  const bar = $("[data-bulk-bar]", scope);
  if (!bar) return;
  bar.hidden = chosen === 0;
  const count = $("[data-bulk-count]", bar);
  if (count) count.textContent = chosen.toLocaleString("en");
  // "All that match" is an offer only while the whole page is selected.
  for (const offer of $$("[data-bulk-matching]", bar)) {
    offer.hidden = chosen !== boxes.length;
    if (offer.hidden) for (const box of $$("input", offer)) box.checked = false;
  }
}
let lastBox = null;
document.addEventListener("click", (event) => {
  const box = event.target;
  if (!(box instanceof HTMLInputElement) || !box.matches("input[data-bulk], input[data-bulk-all]")) return;
  const scope = box.closest("[data-bulk-scope]") ?? document;
  const boxes = $$("input[data-bulk]", scope);
  if (box.matches("[data-bulk-all]")) for (const other of boxes) other.checked = box.checked;
  else {
    if (event.shiftKey && lastBox && boxes.includes(lastBox)) {
      const [from, to] = [boxes.indexOf(lastBox), boxes.indexOf(box)].sort((a, b) => a - b);
      for (const other of boxes.slice(from, to + 1)) other.checked = box.checked;
    }
    lastBox = box;
  }
  updateBulk(scope);
});

// --- Times that keep up -----------------------------------------------------------------------------------

function keepTimes() {
  const now = Date.now();
  for (const time of $$("time[data-ago]")) {
    const away = (Date.parse(time.dateTime) - now) / 1000;
    const size = Math.abs(away);
    // Beyond a day the server's words stay: they depend on the reader's zone.
    if (!(size < 86400)) continue;
    const text = size < 60 ? "" : size < 3600 ? `${Math.floor(size / 60)} min` : `${Math.floor(size / 3600)} h`;
    time.textContent = text ? (away > 0 ? `in ${text}` : `${text} ago`) : away > 0 ? "in a moment" : "just now";
  }
}
setInterval(keepTimes, 60000);

// --- Keyboard ---------------------------------------------------------------------------------------------

const isTyping = (element) => element instanceof HTMLElement && (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName) && !/^(checkbox|radio|button|submit)$/.test(element.type));

function rows() {
  const list = $("[data-rows]") ?? $("main table tbody");
  return list ? $$(list.dataset.rows || ":scope > tr, :scope > li", list).filter((row) => row.offsetParent) : [];
}
function moveRow(step) {
  const all = rows();
  if (!all.length) return false;
  const at = all.findIndex((row) => row.hasAttribute("data-selected"));
  const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step))];
  all[at]?.removeAttribute("data-selected");
  next.setAttribute("data-selected", "");
  next.scrollIntoView({ block: "nearest" });
  ($("a.primary, .primary a, a", next) ?? next).focus({ preventScroll: true });
  return true;
}

let pending = "";
let pendingTimer = 0;
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const menu = $("details.menu[open]");
    if (menu) { menu.removeAttribute("open"); $("summary", menu)?.focus(); return; }
    if (isTyping(document.activeElement) && document.activeElement.matches("[data-search], [type=search]")) document.activeElement.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || $("dialog[open]")) return;
  const key = event.key;
  if (pending === "g") {
    clearTimeout(pendingTimer);
    pending = "";
    const place = $(`[data-go="${CSS.escape(key)}"]`);
    if (place) { event.preventDefault(); place.click(); }
    return;
  }
  const done = {
    g: () => { pending = "g"; pendingTimer = setTimeout(() => { pending = ""; }, 1200); return true; },
    "/": () => {
      const field = [...$$("main [data-search], main input[type=search]"), ...$$("[data-search]")].find((input) => input.offsetParent);
      field?.focus();
      field?.select();
      return Boolean(field);
    },
    j: () => moveRow(1),
    k: () => moveRow(-1),
    x: () => { const box = $("[data-selected] input[data-bulk]"); box?.click(); return Boolean(box); },
    n: () => { const link = $("[data-key=n]"); link?.click(); return Boolean(link); },
    p: () => { const link = $("[data-key=p]"); link?.click(); return Boolean(link); },
    "?": () => openDialog("shortcuts"),
  }[key];
  if (done?.()) event.preventDefault();
});

// --- htmx -------------------------------------------------------------------------------------------------

document.addEventListener("htmx:beforeRequest", (event) => event.detail.target?.setAttribute?.("aria-busy", "true"));
document.addEventListener("htmx:afterRequest", (event) => {
  event.detail.target?.removeAttribute?.("aria-busy");
  release();
});
// What is typed while an answer is on its way would be lost with what it replaces: it is put back into what came.
const typed = new Map();
document.addEventListener("input", (event) => {
  const field = event.target;
  if (field.id && !["checkbox", "radio", "file"].includes(field.type) && field.closest('[aria-busy="true"]')) typed.set(field.id, field.value);
});
document.addEventListener("htmx:afterSettle", () => {
  const kept = [...typed];
  typed.clear();
  for (const [id, value] of kept) {
    const field = document.getElementById(id);
    if (!field || field.value === value) continue;
    field.value = value;
    for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
  }
});
document.addEventListener("htmx:afterSwap", (event) => {
  const target = event.detail.target;
  if (target?.id === "modal-body") {
    const title = $("h1, h2", target);
    const modal = $("#modal");
    if (title) modal.setAttribute("aria-label", title.textContent.trim());
    if (!modal.open) modal.showModal();
  }
});
document.addEventListener("htmx:afterSettle", (event) => {
  prepare(event.detail.elt ?? document);
  // A fragment names its own summary: data-live="12 answers".
  const fragment = event.detail.elt;
  const said = fragment?.matches?.("[data-live]") ? fragment : fragment?.querySelector?.("[data-live]");
  if (said) announce(said.dataset.live);
});
document.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  toast(status === 403 ? "Your role or session does not allow this. Reload the page." : status === 404 ? "This is no longer there. Reload the page." : status === 429 ? "Too many requests. Wait a minute and try again." : `That did not work (${status}). Nothing was lost on this page; try again.`, "d");
});
document.addEventListener("htmx:sendError", () => toast("The server cannot be reached. Check your connection and try again.", "d"));
// Sent by the server as HX-Trigger: {"closeModal": "", "say": {"text": "Task closed."}}
document.addEventListener("closeModal", () => $("#modal")?.close());
document.addEventListener("say", (event) => toast(event.detail.text ?? event.detail.value, event.detail.tone ?? ""));

// --- Counts that stay true on an open page ----------------------------------------------------------------

const LIVE_SECONDS = 30;

/** Asks for the number of each live count; the browser asks with what it knows, so that no news is an empty answer. */
async function refreshCounts() {
  if (document.hidden) return;
  const counts = $$("[data-live-count]");
  for (const url of new Set(counts.map((count) => count.dataset.liveCount))) {
    let unread;
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin", redirect: "error", cache: "no-cache" });
      if (!answer.ok) return;
      unread = (await answer.json()).unread;
    } catch {
      return;
    }
    for (const count of counts.filter((one) => one.dataset.liveCount === url)) {
      const number = $("[data-number]", count);
      const before = Number(number.textContent);
      if (before === unread) continue;
      number.textContent = unread;
      count.hidden = !unread;
      if (unread > before && count.closest(".nav")) announce(`${unread} unread notifications`);
    }
  }
}

if ($("[data-live-count]")) {
  setInterval(refreshCounts, LIVE_SECONDS * 1000);
  document.addEventListener("visibilitychange", refreshCounts);
}

// --- Each part of a page, once, when it arrives -----------------------------------------------------------

function prepare(scope) {
  for (const button of $$("[data-dismiss][hidden]", scope)) button.hidden = false;
  for (const bulk of $$("[data-bulk-scope]", scope)) updateBulk(bulk);
  if (scope.matches?.("[data-bulk-scope]")) updateBulk(scope);
  // A table wider than its place must be reachable by keyboard to be scrolled.
  for (const wrap of $$(".table-wrap:not([tabindex])", scope)) {
    if (wrap.scrollWidth <= wrap.clientWidth) continue;
    const title = wrap.closest(".card")?.querySelector("h2, h3")?.textContent ?? "Table";
    wrap.tabIndex = 0;
    wrap.setAttribute("role", "region");
    wrap.setAttribute("aria-label", title.trim());
  }
  const errors = $("[data-focus]", scope);
  if (errors) errors.focus({ preventScroll: scope !== document });
  for (const dialog of $$("dialog[data-open-now]", scope)) if (!dialog.open) dialog.showModal();
}
prepare(document);
keepTimes();
