// The whole: who is there, when to ask the server, showing what it offers, and what the page can call.
function widgetOf(options) {
  const server = options.server;
  const memory = memoryOf(options.key);
  const listeners = {};
  let identity; // what the page says of its user: { id, signature } or { token }
  let who = ""; // the same as a name for comparing
  let traits = {};
  let known = !options.wait; // whether the page has said who is there, where it wants to
  let asking = false;
  let again = false;
  let shown = null;
  let askedFor = ""; // the page and person last asked about
  let timer = 0;

  const wire = wireOf(server, options.key, memory, () => {
    const body = {
      visitor: memory.visitor(), session: memory.session(), url: location.origin + location.pathname, device: device(),
      language: options.language || doc.documentElement.lang || navigator.language || "",
    };
    if (identity) body.identity = identity;
    if (options.test) body.test = options.test;
    return body;
  });

  function device() {
    if (innerWidth < 600) return "phone";
    return innerWidth < 1100 && quietly(() => matchMedia("(pointer:coarse)").matches) ? "tablet" : "desktop";
  }

  function emit(name, detail) {
    each(listeners[name] || [], (act) => quietly(() => act(detail || {})));
  }

  function heard(answer) {
    const told = answer.said?.identity;
    if (told && !told.ok) say("The identity is not believed (" + told.code + "): " + told.message);
    return answer;
  }

  // --- Asking the server ---
  function rests() {
    const told = memory.read().nothing;
    return told && told.who === who && told.until > now() && told.until < now() + DAY;
  }

  function soon() {
    if (timer) return;
    timer = later(() => { timer = 0; decide(false); }, 150);
  }

  function decide(isForced) {
    if (shown || !known) return;
    if (asking) { again = true; return; }
    const events = memory.read().events || [];
    const about = who + " " + location.pathname + " " + events.length + stringify(traits);
    if (!isForced && (rests() || about === askedFor)) return;
    asking = true;
    askedFor = about;
    const told = memory.read().nothing;
    const body = { traits, events };
    if (told && told.who === who) body.nothing = told.ticket;
    wire.post("decide", body).then(heard).then((answer) => {
      asking = false;
      if (answer.status !== 200) {
        say(answer.said.errors?.[0]?.detail);
        return;
      }
      const offered = answer.said.survey || answer.said.message;
      if (offered) wait(offered);
      else nothing(answer.said);
      if (again) { again = false; soon(); }
    }).catch(() => { asking = false; askedFor = ""; });
  }

  function nothing(told) {
    memory.change((it) => {
      it.nothing = told.scope === "visitor"
        ? { who, ticket: told.nothing, until: now() + Math.min(told.max_age, 3600) * 1000 }
        : null;
    });
    emit("nothing", { reason: told.reason });
  }

  // --- Showing ---
  function wait(survey) {
    const page = location.pathname;
    const person = who;
    shown = {};
    later(() => whenVisible(() => {
      if (location.pathname !== page || who !== person) { shown = null; askedFor = ""; soon(); return; }
      const spot = survey.mode === "inline" ? doc.querySelector("[data-nps-crm]") : null;
      if (survey.mode === "inline" && !spot) { say("No element with data-nps-crm is on this page."); shown = null; return; }
      wire.post("answer", { kind: "view", ticket: survey.ticket }).then((answer) => {
        if (answer.status === 200 && answer.said.shown) show(survey, answer.said.ticket, spot);
        else { shown = null; emit("nothing", { reason: answer.said.reason || "refused" }); }
      }).catch(() => { shown = null; });
    }), (survey.delay || 0) * 1000);
  }

  // Nobody sees what is shown behind other tabs, and scripts in the head run before there is a body.
  function whenVisible(act) {
    if (doc.visibilityState !== "hidden" && doc.body) act();
    else later(() => whenVisible(act), 250);
  }

  function show(survey, ticket, spot) {
    const host = make("div");
    const shadow = host.attachShadow({ mode: "open" });
    const mode = survey.mode || "corner";
    const form = (survey.title ? messageOf : formOf)(survey, mode, told);
    dress(shadow, survey.colours);
    const root = make("div", { class: "root", lang: survey.language, dir: survey.direction, "data-theme": survey.theme }, form.card);
    shadow.appendChild(root);
    // A page's own rules reach the host element at most; these stand above them.
    host.style.cssText = "all:initial!important;display:block!important";
    // Closing leads back to where one came in from, if that was anywhere.
    let before;
    host.addEventListener("focusin", (event) => { before = event.relatedTarget; });
    (spot || doc.body).appendChild(host);
    if (mode === "modal") { quietly(() => form.card.showModal()); form.heading.focus(); }
    shown = { form, ticket, who, shut };
    emit("shown", { mode });

    const tell = (kind, given) => wire.deliver("answer", Object.assign({ kind, ticket }, given));

    function told(what, given) {
      if (what === "score") {
        tell("answer", given).then((answer) => {
          if (answer.said.saved) emit("answered", { score: given.score, completed: false });
        });
      } else if (what === "more") {
        tell("answer", given).then((answer) => {
          // What could not be sent is kept and sent later: to the person it is done.
          if (answer.status > 200 && answer.status < 500) { form.failed(); return; }
          form.thank();
          emit("answered", { score: given.score, completed: true });
        });
      } else {
        const state = form.state();
        if (state.score === null) tell(what);
        else if (state.touched) tell("answer", form.values(false));
        emit({ decline: "declined", click: "clicked" }[what] || (state.score === null ? "dismissed" : "closed"));
        shut();
      }
    }

    function shut() {
      quietly(() => form.card.close());
      host.remove();
      shown = null;
      quietly(() => before.focus());
    }
  }

  addEventListener("pagehide", () => {
    if (!shown || !shown.form) return;
    const state = shown.form.state();
    if (state.score !== null && state.touched && !state.done) {
      wire.leave("answer", Object.assign({ kind: "answer", ticket: shown.ticket }, shown.form.values(false)));
    }
  });

  // --- What the page calls ---
  function nameOf(claimed) {
    if (!claimed) return "";
    if (claimed.id !== undefined) return "id:" + claimed.id;
    // The tokens of a person differ from page to page; their subject does not.
    const payload = String(claimed.token).split(".")[1] || "";
    return "sub:" + (quietly(() => parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/"))).sub) || payload);
  }

  const api = {
    // identify({ id, signature }) or identify({ token }), each with traits if there are any; identify(null) forgets.
    identify(person) {
      known = true;
      identity = undefined;
      if (person?.token) identity = { token: String(person.token) };
      else if (person?.id !== undefined) identity = { id: String(person.id), signature: String(person.signature || "") };
      traits = Object.assign({}, person?.traits);
      who = nameOf(identity);
      // What is for one person alone goes when another takes their place.
      if (shown && shown.who && shown.who !== who) shown.shut();
      if (identity) {
        const today = new Date().toDateString() + who + stringify(traits);
        if (memory.read().told !== today) {
          wire.post("identify", { traits }).then(heard).then((answer) => {
            if (answer.status === 200) memory.change((it) => { it.told = today; });
          }).catch(() => {});
        }
      }
      soon();
    },
    // track("report_exported", { format: "pdf" })
    track(name, data) {
      name = String(name).slice(0, 80);
      memory.session();
      memory.change((it) => {
        const events = it.events || [];
        if (events.indexOf(name) < 0) add(events, name);
        it.events = events.slice(-50);
      });
      if (identity) {
        const at = now();
        wire.deliver("track", { at, events: [{ id: randomId(), name, at, data: data || {} }] });
      }
      soon();
    },
    // Ask the server at once, whatever it last said; it still decides.
    show() { decide(true); },
    // The page of a single-page application has changed.
    page() { soon(); },
    // on("shown" | "answered" | "declined" | "dismissed" | "closed" | "nothing", act)
    on(name, act) { add((listeners[name] = listeners[name] || []), act); },
  };

  addEventListener("popstate", () => soon());
  wire.retry();
  soon();
  return api;
}

// Starts a widget once for each key, however often it is asked to.
const running = window[Symbol.for("nps-crm.widgets")] = window[Symbol.for("nps-crm.widgets")] || {};

function start(options) {
  if (!options || !/^[A-Za-z0-9_-]{8,24}$/.test(options.key) || !/^https?:\/\//.test(options.server)) {
    say("Name the widget's key and the server.");
    return null;
  }
  const settings = Object.assign({}, options, { server: String(options.server).replace(/\/+$/, "") });
  if (!running[options.key]) running[options.key] = widgetOf(settings);
  return running[options.key];
}
