/** Starts the operator page. */
import { follow } from "./feed.js";
import { html, render } from "./html.js";
import { followJobs } from "./jobs.js";
import { followLogin } from "./login.js";
import { dress } from "./look.js";
import { RunPage } from "./run_page.js";
import { loadWords } from "./words.js";

dress();
await loadWords();
await followLogin();
follow();
followJobs();
render(html`<${RunPage} />`, document.getElementById("page"));
