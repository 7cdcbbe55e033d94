// Talking to the server. Bodies are texts, which browsers send as text/plain: that needs no preflight. Nothing takes longer
// than three seconds.
function wireOf(server, key, memory, common) {
  const address = (what) => server + "/w/" + key + "/" + what;

  function post(what, body) {
    const stop = new AbortController();
    later(() => stop.abort(), PATIENCE);
    // A page's own fetch may throw at once: within a promise that is a refusal like any other.
    return new Promise((done) => done(nativeFetch(address(what), {
      method: "POST",
      credentials: "omit",
      keepalive: true,
      body: stringify(Object.assign(common(), body)),
      signal: stop.signal,
    }))).then((answer) => answer.text().then((text) => ({ status: answer.status, said: quietly(() => parse(text), {}) || {} })));
  }

  // What must arrive: kept while it cannot be sent, tried again with the next page or when the network is back.
  function deliver(what, body) {
    body.at = body.at || now();
    return post(what, body).then(
      (answer) => {
        if (answer.status >= 500 || answer.status === 429) keep(what, body);
        else if (answer.status >= 400) say(answer.said.errors?.[0]?.detail);
        return answer;
      },
      () => { keep(what, body); return { status: 0, said: {} }; },
    );
  }

  function keep(what, body) {
    memory.change((it) => {
      it.queue = it.queue || [];
      add(it.queue, { what, body });
      if (it.queue.length > MAX_KEPT) it.queue.shift();
    });
  }

  function retry() {
    const waiting = memory.read().queue || [];
    if (!waiting.length) return;
    memory.change((it) => { it.queue = []; });
    each(waiting, (one) => {
      if (one && one.body && now() - one.body.at < TOO_OLD) deliver(one.what, one.body);
    });
  }

  // While the page goes away.
  function leave(what, body) {
    body.at = body.at || now();
    const text = stringify(Object.assign(common(), body));
    const sent = quietly(() => navigator.sendBeacon(address(what), text), false);
    if (!sent) keep(what, body);
  }

  addEventListener("online", retry);
  return { post, deliver, retry, leave };
}
