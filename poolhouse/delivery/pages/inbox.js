(() => {
  "use strict";
  const page = document.body;
  const said = document.getElementById("said");

  // Times in the reader's own zone; the page itself tells them in UTC.
  const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  for (const time of document.querySelectorAll("time")) {
    time.title = time.textContent;
    time.textContent = day.format(new Date(time.dateTime));
  }

  if (navigator.clipboard) {
    for (const button of document.querySelectorAll(".copy")) {
      button.hidden = false;
      const label = button.firstChild;
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(button.dataset.copy);
          label.data = "Copied";
        } catch {
          label.data = "Not allowed";
        }
        said.textContent = label.data;
        setTimeout(() => { label.data = "Copy"; said.textContent = ""; }, 1600);
      });
    }
  }

  if (page.dataset.live !== "yes") return;
  const live = document.getElementById("live");
  const asked = new URLSearchParams(location.search);
  asked.set("limit", "1");
  live.parentElement.hidden = false;
  try { live.checked = sessionStorage.getItem("inbox-live") !== "no"; } catch { /* storage is off: live it is */ }
  live.addEventListener("change", () => {
    try { sessionStorage.setItem("inbox-live", live.checked ? "yes" : "no"); } catch { /* as above */ }
  });

  const busy = () => document.hidden || !live.checked || document.activeElement?.id === "to" || !getSelection().isCollapsed;
  const look = async () => {
    if (!busy()) {
      try {
        const answer = await fetch(`${location.pathname}.json?${asked}`, { cache: "no-store" });
        const [newest] = await answer.json();
        const now = newest ? `${newest.id} ${newest.state}` : "";
        if (answer.ok && now !== page.dataset.newest && !busy()) return location.reload();
      } catch { /* the server is being restarted: look again later */ }
    }
    setTimeout(look, 2000);
  };
  setTimeout(look, 2000);
})();
