// The look, as a constructed stylesheet: a page's style-src has nothing to say about those. Colours come from the server
// and are looked at once more here. Physical sides are never named, so it turns round for right-to-left languages.
const CSS = `
:host{all:initial}
*{box-sizing:border-box;font:inherit;letter-spacing:normal;color:inherit;margin:0}
.root{--bg:#fff;--ink:#16191b;--soft:#5b6268;--line:#c9ced2;--fill:#f2f4f5;--brand:VAR_LIGHT;--on:VAR_ON_LIGHT;--bad:#b3261e;
font:400 15px/1.45 system-ui,sans-serif;color:var(--ink);text-align:start}
.root[data-theme=dark]{DARK}
@media (prefers-color-scheme:dark){.root[data-theme=auto]{DARK}}
.card{position:relative;inline-size:100%;max-inline-size:420px;max-block-size:min(640px,calc(100vh - 32px));overflow:auto;
background:var(--bg);color:var(--ink);border:1px solid var(--line);border-radius:12px;padding:20px;display:block}
.corner{position:fixed;inset-block-end:16px;inset-inline-end:16px;inline-size:calc(100vw - 32px);z-index:2147483647;
box-shadow:0 8px 32px rgb(0 0 0/.18)}
dialog.card{position:fixed;inset:0;margin:auto;block-size:fit-content;max-inline-size:480px;inline-size:calc(100vw - 32px)}
dialog.card:not([open]){display:none}
dialog::backdrop{background:rgb(0 0 0/.5)}
.inline{max-inline-size:560px}
h2{font-weight:600;font-size:16px;line-height:1.35;padding-inline-end:32px;overflow-wrap:anywhere}
.from{font-size:13px;color:var(--soft);padding-inline-end:32px;margin-block-end:2px}
.close{position:absolute;inset-block-start:10px;inset-inline-end:10px;inline-size:32px;block-size:32px;padding:0;border:0;border-radius:8px;
background:none;color:var(--soft);cursor:pointer;font-size:20px;line-height:1}
.scale{display:grid;grid-auto-flow:column;grid-auto-columns:1fr;gap:4px;margin-block:14px 6px}
.scale.long{grid-auto-flow:row;grid-template-columns:repeat(11,1fr)}
.scale button{min-block-size:38px;min-inline-size:24px;padding:0;border:1px solid var(--line);border-radius:8px;background:var(--fill);cursor:pointer;
font-variant-numeric:tabular-nums}
.scale.big button{font-size:24px;min-block-size:48px;background:none}
.scale button:hover{border-color:var(--brand)}
.scale [aria-checked=true]{background:var(--brand);border-color:var(--brand);color:var(--on);font-weight:600}
.scale.stars [data-lit]{color:#b26a00}
.scale.stars [aria-checked=true]{background:var(--fill)}
.ends{display:flex;justify-content:space-between;gap:16px;font-size:13px;color:var(--soft)}
.more{margin-block-start:14px;display:grid;gap:12px}
[hidden]{display:none!important}
label,legend{font-weight:500;padding:0}
fieldset{border:0;padding:0;min-inline-size:0}
.tick{display:flex;gap:8px;align-items:flex-start;font-weight:400;padding-block:3px;min-block-size:24px}
input{inline-size:18px;block-size:18px;flex:none;margin-block-start:2px;accent-color:var(--brand)}
.row{display:flex;gap:16px;flex-wrap:wrap}
textarea{display:block;inline-size:100%;min-block-size:76px;margin-block-start:6px;padding:8px 10px;border:1px solid #80878d;border-radius:8px;
background:var(--bg);resize:vertical}
.bar{display:flex;justify-content:space-between;align-items:center;gap:12px;margin-block-start:14px;flex-wrap:wrap}
.send{min-block-size:40px;padding-inline:18px;border:0;border-radius:8px;background:var(--brand);color:var(--on);font-weight:600;cursor:pointer}
.text{white-space:pre-line;overflow-wrap:anywhere;margin-block-start:6px}
a.send{display:grid;place-items:center;text-decoration:none}
.plain{min-block-size:28px;padding:4px 0;border:0;background:none;color:var(--soft);font-size:13px;text-decoration:underline;cursor:pointer}
.error{color:var(--bad);font-size:14px}
a{color:inherit;font-weight:600;text-decoration:underline}
:focus-visible{outline:2px solid var(--ink);outline-offset:2px}
h2:focus{outline:0}
@media (max-width:480px){
.corner,dialog.card{inset-block:auto 0;inset-inline:0;inline-size:100%;max-inline-size:none;margin:0;border-radius:14px 14px 0 0;border-inline:0;border-block-end:0;
padding-block-end:calc(20px + env(safe-area-inset-bottom,0px));max-block-size:85vh}
.scale.long{grid-template-columns:repeat(6,1fr)}
.scale button{min-block-size:44px}
}
@media (prefers-reduced-motion:no-preference){.corner,dialog.card{animation:rise .2s ease-out}
@keyframes rise{from{opacity:0;transform:translateY(12px)}}}
@media (forced-colors:active){.scale [aria-checked=true]{outline:3px solid Highlight}}
@media print{.corner,dialog.card{display:none}}
`;
const DARK = "--bg:#1b1e21;--ink:#f1f3f4;--soft:#aab1b7;--line:#4a5157;--fill:#282c30;--brand:VAR_DARK;--on:VAR_ON_DARK;--bad:#ffb4ab";

function dress(shadow, colours) {
  const colour = (name, otherwise) => (/^#[0-9a-f]{6}$/.test(colours?.[name]) ? colours[name] : otherwise);
  const text = CSS.split("DARK}").join(DARK + "}")
    .replace("VAR_LIGHT", colour("light", "#1f4e8c")).replace("VAR_ON_LIGHT", colour("on_light", "#ffffff"))
    .split("VAR_DARK").join(colour("dark", "#8ab4f8")).split("VAR_ON_DARK").join(colour("on_dark", "#111314"));
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  shadow.adoptedStyleSheets = [sheet];
}
