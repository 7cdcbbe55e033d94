// What is shown, drawn with text nodes only. `told` hears of trusted gestures: score, more, decline, click, dismiss.
function make(name, attributes, children) {
  const made = doc.createElement(name);
  for (const key in attributes) if (attributes[key] !== undefined) made.setAttribute(key, attributes[key]);
  each(children === undefined ? [] : [].concat(children), (child) => {
    made.appendChild(typeof child === "object" ? child : doc.createTextNode(child));
  });
  return made;
}

let serial = 0;

// Only what a person does counts, not what a script makes believe.
function onClick(made, act) {
  made.addEventListener("click", (event) => { if (event.isTrusted) act(event); });
}

function cardOf(mode, id, words, children, told) {
  const card = make(mode === "modal" ? "dialog" : "section", {
    class: "card " + mode, role: mode === "inline" ? "group" : "dialog", "aria-labelledby": id,
  }, [make("p", { class: "from" }, words.label)].concat(children));
  if (mode !== "inline") {
    const close = make("button", { type: "button", class: "close", "aria-label": words.close }, "×");
    onClick(close, () => told("dismiss"));
    card.appendChild(close);
  }
  card.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.isTrusted && mode !== "inline") { event.preventDefault(); told("dismiss"); }
    // Keys typed here are nobody's shortcuts.
    event.stopPropagation();
  });
  card.addEventListener("cancel", (event) => { event.preventDefault(); });
  return card;
}

function linkTo(place, name) {
  return make("a", { href: place.url, target: "_blank", rel: "noopener noreferrer", class: name }, place.label);
}

// A message to one person: a title, a few lines, perhaps a button that leads somewhere.
function messageOf(message, mode, told) {
  const id = "q" + (serial += 1);
  const heading = make("h2", { id, tabindex: "-1", dir: "auto" }, message.title);
  const parts = [heading, make("p", { class: "text", dir: "auto" }, message.text)];
  const button = message.button;
  if (button && /^https:/.test(button.url)) {
    const link = linkTo(button, "send");
    onClick(link, () => told("click"));
    add(parts, make("p", { class: "bar" }, link));
  }
  return { card: cardOf(mode, id, message.words, parts, told), heading, state: () => ({ score: null }) };
}

function formOf(survey, mode, told) {
  const words = survey.words;
  const id = "q" + (serial += 1);
  const answers = {};
  const drawn = {};
  let score = null;
  let level = "";
  let touched = false; // something typed that has not been sent
  let done = false;

  const heading = make("h2", { id, tabindex: "-1" }, survey.question);
  const kind = survey.look === "numbers" ? (survey.scores.length > 7 ? "long" : "") : "big " + survey.look;
  const scale = make("div", { class: "scale " + kind, role: "radiogroup", "aria-labelledby": id });
  const points = [];
  each(survey.scores, (point, i) => {
    const button = make("button", {
      type: "button", role: "radio", "aria-checked": "false", "aria-label": point.name, tabindex: i ? "-1" : "0",
    }, point.sign);
    onClick(button, (event) => choose(i, event.detail ? "pointer" : "key"));
    scale.appendChild(button);
    add(points, button);
  });
  // Arrows move between the scores; only a click, Enter or the space bar gives one.
  scale.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const turned = survey.direction === "rtl" && /t$/.test(event.key) ? -step : step;
    let at = 0;
    each(points, (button, i) => { if (button.tabIndex === 0) at = i; });
    const next = (at + turned + points.length) % points.length;
    points[at].tabIndex = -1;
    points[next].tabIndex = 0;
    points[next].focus();
  });
  const ends = make("div", { class: "ends", "aria-hidden": "true" }, [
    make("span", {}, survey.low_label), make("span", {}, survey.high_label),
  ]);

  const followUp = make("label", { for: id + "c" });
  const comment = make("textarea", { id: id + "c", maxlength: "5000", rows: "3" });
  comment.addEventListener("input", () => { touched = true; });
  const questions = make("div", { class: "more" });
  const send = make("button", { type: "button", class: "send" }, words.send);
  const error = make("p", { class: "error", role: "alert" });
  const parts = [make("div", {}, [followUp, comment]), questions];
  const contact = tick(survey.consent_contact);
  const quote = tick(survey.consent_quote);
  add(parts, error);
  add(parts, make("div", { class: "bar" }, send));
  const more = make("div", { class: "more", hidden: "" }, parts);
  const decline = make("button", { type: "button", class: "plain" }, words.decline);
  const bar = make("div", { class: "bar" }, decline);
  const ask = make("div", {}, [scale, ends, more, bar]);
  const said = make("div", { class: "said", role: "status" });
  const card = cardOf(mode, id, words, [heading, ask, said], told);

  function tick(text) {
    const box = make("input", { type: "checkbox" });
    box.addEventListener("change", () => { touched = true; });
    if (text) add(parts, make("label", { class: "tick" }, [box, make("span", {}, text)]));
    return box;
  }

  function choose(i, gesture) {
    const point = survey.scores[i];
    const again = score === point.score;
    score = point.score;
    level = point.level;
    each(points, (button, n) => {
      button.setAttribute("aria-checked", n === i ? "true" : "false");
      button.tabIndex = n === i ? 0 : -1;
      if (n <= i) button.setAttribute("data-lit", "");
      else button.removeAttribute("data-lit");
    });
    followUp.textContent = survey.follow_up[level] + " (" + words.optional + ")";
    draw();
    more.hidden = false;
    bar.hidden = true;
    if (!again) told("score", { score, gesture });
  }

  // The questions that the score and the answers so far lead to; those that are there already stay as they are.
  function draw() {
    const seen = {};
    each(survey.questions, (question) => {
      const key = question.key;
      if (holds(question.when, seen)) {
        seen[key] = true;
        if (!drawn[key]) drawn[key] = drawQuestion(question);
        questions.appendChild(drawn[key]);
      } else if (drawn[key]) {
        drawn[key].remove();
        delete drawn[key];
        delete answers[key];
      }
    });
    questions.hidden = !questions.firstChild;
  }

  function holds(when, seen) {
    if (!when || when.show === "always") return true;
    if (when.show === "level") return when.levels.indexOf(level) >= 0;
    if (when.show === "score") return (when.low == null || score >= when.low) && (when.high == null || score <= when.high);
    if (!seen[when.question]) return false;
    let found = false;
    each([].concat(answers[when.question] === undefined ? [] : answers[when.question]), (value) => {
      if (when.values.indexOf(String(value)) >= 0) found = true;
    });
    return found;
  }

  function drawQuestion(question) {
    const name = id + question.key;
    const title = question.text + (question.required ? "" : " (" + words.optional + ")");
    const changed = (value) => {
      touched = true;
      answers[question.key] = value;
      draw();
    };
    if (question.kind === "text") {
      const field = make("textarea", { id: name, maxlength: "5000", rows: "2" });
      field.addEventListener("input", () => { touched = true; answers[question.key] = field.value; });
      return make("div", { "data-key": question.key }, [make("label", { for: name }, title), field]);
    }
    const options = question.kind === "rating" ? [1, 2, 3, 4, 5] : question.options;
    const boxes = [];
    const lines = [];
    each(options, (option) => {
      const value = question.kind === "rating" ? option : option.key;
      const box = make("input", { type: question.kind === "multi" ? "checkbox" : "radio", name });
      box.addEventListener("change", () => {
        if (question.kind !== "multi") return changed(value);
        const chosen = [];
        each(boxes, (other) => { if (other.box.checked) add(chosen, other.value); });
        return changed(chosen);
      });
      add(boxes, { box, value });
      add(lines, make("label", { class: "tick" }, [box, make("span", {}, question.kind === "rating" ? String(option) : option.text)]));
    });
    const body = question.kind === "rating"
      ? [make("div", { class: "row" }, lines), make("div", { class: "ends" }, [make("span", {}, question.low_label || ""), make("span", {}, question.high_label || "")])]
      : lines;
    return make("fieldset", { "data-key": question.key }, [make("legend", {}, title)].concat(body));
  }

  function missing() {
    let found = null;
    each(survey.questions, (question) => {
      const value = answers[question.key];
      if (!found && drawn[question.key] && question.required && (value === undefined || value.length === 0)) found = question;
    });
    return found;
  }

  function values(completed) {
    const given = { score, comment: comment.value, gesture: "pointer", completed };
    if (survey.questions.length) given.answers = answers;
    if (survey.consent_contact) given.may_contact = contact.checked;
    if (survey.consent_quote) given.may_quote = quote.checked;
    return given;
  }

  onClick(send, () => {
    const left = missing();
    error.textContent = left ? words.required + " (" + left.text + ")" : "";
    if (left) return;
    touched = false;
    told("more", values(true));
  });
  onClick(decline, () => told("decline"));

  function thank() {
    done = true;
    const farewell = survey.thanks[level] || {};
    ask.hidden = true;
    heading.textContent = words.thanks;
    said.appendChild(make("p", {}, farewell.text || ""));
    const link = farewell.link;
    if (link && /^https?:\/\//.test(link.url)) {
      said.appendChild(make("p", { class: "bar" }, linkTo(link)));
    }
    heading.focus();
  }

  function failed() {
    error.textContent = words.failed;
  }

  return {
    card, heading, thank, failed,
    state: () => ({ score, touched, done }),
    values,
  };
}
