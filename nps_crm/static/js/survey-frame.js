// For the web site that shows a survey in a frame: fits the frame's height to what it says.
// <script type="module" src="https://crm.example.com/l/frame.js"></script>

const home = new URL(import.meta.url).origin;

addEventListener("message", (event) => {
  if (event.origin !== home || event.data?.type !== "nps-crm:height") return;
  const height = Number(event.data.height);
  if (!(height > 0 && height < 5000)) return;
  for (const frame of document.querySelectorAll("iframe")) {
    if (frame.contentWindow === event.source) frame.height = String(height);
  }
});
