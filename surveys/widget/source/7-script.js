// As a classic script: its own element says which widget it is, and window.npsCrm is the page's handle. Calls made before
// it arrived wait in npsCrm.q.
quietly(() => {
  const own = doc.currentScript;
  if (!own || !own.src) return;
  const given = own.dataset;
  const api = start({
    key: given.key, server: given.server || new URL(own.src).origin, language: given.language, wait: given.wait !== undefined, test: given.test,
  });
  if (!api) return;
  const stub = window.npsCrm;
  // A stub that was not called yet holds nothing; its text says whose it is.
  const isOurs = typeof stub === "function" && (stub.isNpsCrm || /npsCrm\.q/.test(stub));
  // An element with this id also answers to the name; anything else is the page's own and stays.
  if (stub !== undefined && !isOurs && !(stub instanceof Element) && !(stub instanceof HTMLCollection)) {
    say("window.npsCrm is taken by the page; the widget runs without it.");
    return;
  }
  const handle = function (name) {
    const act = typeof name === "string" && Object.prototype.hasOwnProperty.call(api, name) ? api[name] : null;
    if (!act) return say("There is no call “" + name + "”.");
    const rest = [];
    for (let i = 1; i < arguments.length; i++) add(rest, arguments[i]);
    return quietly(() => act.apply(api, rest));
  };
  handle.isNpsCrm = true;
  for (const name in api) handle[name] = api[name];
  const waiting = (isOurs && stub.q) || [];
  window.npsCrm = handle;
  each(waiting, (call) => handle.apply(null, call));
});
