// Loaded into the emulator (`node --import`), for what its API offers no way to put right:
//
// - It keeps the head a pull request was opened with, so a later push would be left out of a merge. With this, open pull
//   requests follow their branch.
// - It numbers from 1 whenever it starts. GitHub never gives an id a second time, and a platform that outlives the
//   emulator would take a new repository for the one it has connected already. With this, repositories are numbered from
//   the moment the emulator starts, but for those that its seed makes again (`LASTING_REPOSITORIES`).
import { registerHooks } from "node:module";

const moved = "function syncBranchFromRef(gh, repo, fullRef, sha) {";
const follow = `
  for (const pull of gh.pullRequests.findBy("head_repo_id", repo.id)) {
    if (pull.state === "open" && "refs/heads/" + pull.head_ref === fullRef) {
      gh.pullRequests.update(pull.id, { head_sha: sha });
    }
  }`;

const lasting = JSON.stringify(JSON.parse(process.env.LASTING_REPOSITORIES));
const collection = 'store.collection("github.repos", ["owner_id", "full_name"])';
const numbered = `(globalThis.codexk8sRepositories ??= ((repos) => {
    const insert = repos.insert.bind(repos);
    let next = Date.now();
    repos.insert = (repo) => insert(${lasting}.includes(repo.full_name) ? repo : { ...repo, id: next++ });
    return repos;
  })(${collection}))`;

function replaced(source, old, by) {
  if (!source.includes(old)) throw new Error("this version of emulate is not the one patches.mjs was made for");
  return source.replace(old, () => by);
}

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (!/\/emulate\/dist\/dist-\w+\.js$/.test(url)) return loaded;
    const source = Buffer.from(loaded.source).toString();
    if (!source.includes("@emulators/github/dist")) return loaded;
    return { ...loaded, source: replaced(replaced(source, moved, moved + follow), collection, numbered) };
  },
});
