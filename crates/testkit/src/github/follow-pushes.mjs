// Loaded into the emulator (`node --import`): it keeps the head a pull request was opened with, so a later push would be
// left out of a merge. With this, open pull requests follow their branch.
import { registerHooks } from "node:module";

const moved = "function syncBranchFromRef(gh, repo, fullRef, sha) {";
const follow = `
  for (const pull of gh.pullRequests.findBy("head_repo_id", repo.id)) {
    if (pull.state === "open" && "refs/heads/" + pull.head_ref === fullRef) {
      gh.pullRequests.update(pull.id, { head_sha: sha });
    }
  }`;

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (!/\/emulate\/dist\/dist-\w+\.js$/.test(url)) return loaded;
    const source = Buffer.from(loaded.source).toString();
    if (!source.includes("@emulators/github/dist")) return loaded;
    if (!source.includes(moved)) throw new Error("this version of emulate is not the one follow-pushes.mjs was made for");
    return { ...loaded, source: source.replace(moved, moved + follow) };
  },
});
