//! What will be done, in a sentence for each effect: what, where, and what cannot be undone. A part is never shown as the
//! whole: what does not fit is said to be more.

use domain::approvals::Effect;
use domain::approvals::databases::{DatabaseAction, DatabaseChange, connection_secret};
use domain::approvals::labels::Labelled;
use domain::approvals::secrets::{SecretPolicy, SecretSeen, SecretSync};
use domain::environment::Kind;
use domain::environment::changes::{Act, Change};
use domain::locale::Locale;

use super::{cut, quoted};

/// Characters of the whole, of a label, of a name, and of lines that change.
const WHOLE: usize = 260;
const LABEL: usize = 60;
const NAME: usize = 63;
const LINES: usize = 90;

/// What will be done, without the end of its last sentence.
pub(super) fn doing(locale: Locale, effect: &Effect) -> String {
    let doing = match effect {
        Effect::Labels { change, .. } => labels(locale, change),
        Effect::Object(change) => object(locale, change),
        Effect::Secret { sync, seen } => secret(locale, sync, seen),
        Effect::Database { change, .. } => database(locale, change),
    };
    whole_or_said(locale, doing)
}

/// What does not fit is said to be more.
fn whole_or_said(locale: Locale, doing: String) -> String {
    if doing.chars().count() <= WHOLE {
        return doing;
    }
    let more = match locale {
        Locale::En => "AND MORE, which is too long for here: read all of it in the console first",
        Locale::Ru => "И ЕЩЁ: здесь не поместилось, сначала прочитайте целиком в консоли",
    };
    format!("{} {more}", cut(&doing, WHOLE))
}

fn labels(locale: Locale, change: &Labelled) -> String {
    let listed = |labels: &[String]| {
        let quoted = labels.iter().map(|label| quoted(locale, label, LABEL));
        quoted.collect::<Vec<_>>().join(", ")
    };
    let (number, on, off) = (change.number, listed(&change.on), listed(&change.off));
    match (locale, on.is_empty(), off.is_empty()) {
        (Locale::En, false, true) => format!("Put the labels {on} on #{number}"),
        (Locale::En, true, _) => format!("Take the labels {off} off #{number}"),
        (Locale::En, false, false) => format!("Put the labels {on} on #{number} and take {off} off"),
        (Locale::Ru, false, true) => format!("Поставить на #{number} метки {on}"),
        (Locale::Ru, true, _) => format!("Снять с #{number} метки {off}"),
        (Locale::Ru, false, false) => format!("Поставить на #{number} метки {on} и снять {off}"),
    }
}

fn object(locale: Locale, change: &Change) -> String {
    let Change { kind, namespace, .. } = change;
    let name = quoted(locale, &change.name, NAME);
    match (&change.act, locale) {
        (Act::Apply { .. }, Locale::En) => {
            let verb = if change.seen.is_some() { "Change" } else { "Make" };
            format!("{verb} {kind} {name} in {namespace}: {}", lines(locale, &change.diff))
        }
        (Act::Apply { .. }, Locale::Ru) => {
            let verb = if change.seen.is_some() { "Изменить" } else { "Создать" };
            format!("{verb} {kind} {name} в {namespace}: {}", lines(locale, &change.diff))
        }
        (Act::Delete, Locale::En) => {
            format!("Delete {kind} {name} in {namespace} with {}. Nothing of it is kept", what_goes(locale, *kind))
        }
        (Act::Delete, Locale::Ru) => format!(
            "Удалить {kind} {name} в {namespace} вместе с {}. Ничего из этого не сохранится",
            what_goes(locale, *kind)
        ),
        (Act::Restart, Locale::En) => {
            format!("Restart {kind} {name} in {namespace}: its pods are replaced one after another")
        }
        (Act::Restart, Locale::Ru) => {
            format!("Перезапустить {kind} {name} в {namespace}: его поды заменяются один за другим")
        }
    }
}

/// What goes with an object that is deleted.
const fn what_goes(locale: Locale, kind: Kind) -> &'static str {
    match (locale, kind) {
        (Locale::En, Kind::PersistentVolumeClaim) => "the data that is stored in it",
        (Locale::En, _) => "all that it has made",
        (Locale::Ru, Kind::PersistentVolumeClaim) => "данными, которые в нём хранятся",
        (Locale::Ru, _) => "тем, что он создал",
    }
}

/// The lines that change, where all of them fit; else how many there are.
fn lines(locale: Locale, diff: &str) -> String {
    let is_changed = |line: &&str| line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---");
    let changed: Vec<_> = diff.lines().filter(is_changed).collect();
    let (shown, count) = (changed.join(" "), changed.len());
    match locale {
        Locale::En if count == 0 => "nothing of what it says changes".to_owned(),
        Locale::Ru if count == 0 => "то, что в нём сказано, не изменится".to_owned(),
        _ if shown.chars().count() <= LINES => quoted(locale, &shown, LINES),
        Locale::En => format!("{count} lines change; read them in the console first"),
        Locale::Ru => format!("изменится строк: {count}; сначала прочитайте их в консоли"),
    }
}

fn secret(locale: Locale, sync: &SecretSync, seen: &SecretSeen) -> String {
    let SecretSync { namespace, repository, policy, .. } = sync;
    let [environment, on_github, object, key] =
        [&sync.environment, &sync.github_secret, &sync.kubernetes_secret, &sync.kubernetes_key]
            .map(|name| quoted(locale, name, NAME));
    // What the platform has put there itself it puts there again, unless somebody types another.
    let is_lost = seen.on_github && !(seen.synced_before && *policy != SecretPolicy::Provided);
    match locale {
        Locale::En => {
            let value = match policy {
                SecretPolicy::Deterministic => "a value that follows from the names",
                SecretPolicy::Random => "a value that the platform makes up",
                SecretPolicy::Provided => "a value that you type",
            };
            let lost = if is_lost { ". What GitHub has there goes, and nobody can read it again" } else { "" };
            format!(
                "Put {value} as {on_github} into {environment} of {repository} on GitHub, and as {key} into the Secret {object} in {namespace}{lost}"
            )
        }
        Locale::Ru => {
            let value = match policy {
                SecretPolicy::Deterministic => "значение, которое следует из имён,",
                SecretPolicy::Random => "значение, которое придумает платформа,",
                SecretPolicy::Provided => "значение, которое вы введёте,",
            };
            let lost = if is_lost {
                ". То, что там есть на GitHub, пропадёт, прочитать его снова нельзя"
            } else {
                ""
            };
            format!(
                "Записать {value} как {on_github} в {environment} репозитория {repository} на GitHub и как {key} в Secret {object} в {namespace}{lost}"
            )
        }
    }
}

fn database(locale: Locale, change: &DatabaseChange) -> String {
    let DatabaseChange { action, namespace, .. } = change;
    let [name, environment] = [&change.database, &change.environment].map(|name| quoted(locale, name, NAME));
    match (action, locale) {
        (DatabaseAction::Create, Locale::En) => {
            let secret = quoted(locale, &connection_secret(&change.database), NAME);
            format!(
                "Make the database {name} for {environment}, with a role of its own, and put the connection into the Secret {secret} in {namespace}"
            )
        }
        (DatabaseAction::Create, Locale::Ru) => {
            let secret = quoted(locale, &connection_secret(&change.database), NAME);
            format!(
                "Создать базу данных {name} для {environment} со своей ролью и записать подключение в Secret {secret} в {namespace}"
            )
        }
        (DatabaseAction::Delete, Locale::En) => {
            format!("Delete the database {name} of {environment} with all that is in it. It does not come back")
        }
        (DatabaseAction::Delete, Locale::Ru) => {
            format!("Удалить базу данных {name} в {environment} со всем, что в ней есть. Вернуть её нельзя")
        }
        (DatabaseAction::Describe, Locale::En) => {
            format!("Look at the database {name} of {environment} from outside. Nothing changes")
        }
        (DatabaseAction::Describe, Locale::Ru) => {
            format!("Посмотреть на базу данных {name} в {environment} снаружи. Ничего не изменится")
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::approvals::databases::DatabaseSeen;
    use domain::approvals::labels;
    use domain::environment::changes::Seen;
    use domain::project_environments::EnvironmentKind;
    use serde_json::json;

    use super::*;

    fn labels(on: &[&str], off: &[&str]) -> Effect {
        let owned = |labels: &[&str]| labels.iter().map(|&label| label.to_owned()).collect::<Vec<_>>();
        let change = Labelled { number: 7, on: owned(on), off: owned(off) };
        let seen = labels::Seen::of("Dark mode", "", &[], &change);
        Effect::Labels { change, seen }
    }

    fn object(kind: Kind, act: Act, is_there: bool, diff: &str) -> Effect {
        let seen = is_there.then(|| Seen { uid: "u-1".into(), says: "f".repeat(64) });
        let (namespace, name, diff) = ("acme-dev-i7-456789ab".into(), "settings".into(), diff.into());
        Effect::Object(Change { namespace, kind, name, act, seen, diff })
    }

    fn apply(is_there: bool, diff: &str) -> Effect {
        object(Kind::ConfigMap, Act::Apply { manifest: json!({}) }, is_there, diff)
    }

    fn secret(policy: SecretPolicy, on_github: bool, synced_before: bool) -> Effect {
        let sync = SecretSync {
            environment: "staging".into(),
            kind: EnvironmentKind::Staging,
            namespace: "acme-env-staging".into(),
            repository: "acme/shop".into(),
            github_secret: "SESSION_KEY".into(),
            kubernetes_secret: "shop".into(),
            kubernetes_key: "session".into(),
            policy,
            idempotency_key: None,
        };
        let seen = SecretSeen { environment_id: Default::default(), environment_version: 1, on_github, synced_before };
        Effect::Secret { sync, seen }
    }

    fn database(action: DatabaseAction) -> Effect {
        let change = DatabaseChange {
            action,
            environment: "staging".into(),
            kind: EnvironmentKind::Staging,
            namespace: "acme-env-staging".into(),
            database: "shop".into(),
        };
        let seen = DatabaseSeen { environment_id: Default::default(), environment_version: 1, database_id: None };
        Effect::Database { change, seen }
    }

    fn every() -> Vec<Effect> {
        let long = (0..20).map(|line| format!("-key{line}: blue\n+key{line}: red\n")).collect::<String>();
        let policies = [SecretPolicy::Deterministic, SecretPolicy::Random, SecretPolicy::Provided];
        let mut every = vec![
            labels(&["area:ui"], &[]),
            labels(&[], &["bug"]),
            labels(&["area:ui", "state:approved"], &["bug"]),
            apply(false, "+color: red\n"),
            apply(true, "@@ -1,2 +1,2 @@\n size: 1\n-color: blue\n+color: red\n"),
            apply(true, &long),
            apply(true, ""),
            object(Kind::Deployment, Act::Delete, true, ""),
            object(Kind::PersistentVolumeClaim, Act::Delete, true, ""),
            object(Kind::Deployment, Act::Restart, true, ""),
        ];
        every.extend(policies.map(|policy| secret(policy, false, false)));
        every.push(secret(SecretPolicy::Random, true, false));
        every.extend(DatabaseAction::ALL.iter().map(|&action| database(action)));
        every
    }

    #[test]
    fn each_effect_says_what_will_be_done_where_and_what_is_lost() {
        let told = |locale| every().iter().map(|effect| format!("{}.\n", doing(locale, effect))).collect::<String>();
        insta::assert_snapshot!("effects_en", told(Locale::En));
        insta::assert_snapshot!("effects_ru", told(Locale::Ru));
    }

    #[test]
    fn what_people_usually_are_asked_fits_whole() {
        for &locale in Locale::ALL {
            for effect in every() {
                let told = doing(locale, &effect);
                assert!(told.chars().count() <= WHOLE && !told.ends_with('.') && !told.contains('…'), "{told}");
            }
        }
    }

    #[test]
    fn a_value_is_lost_only_where_another_takes_its_place() {
        let table = [
            (SecretPolicy::Random, false, false, false),
            (SecretPolicy::Random, true, false, true),
            (SecretPolicy::Random, true, true, false),
            (SecretPolicy::Deterministic, true, true, false),
            (SecretPolicy::Deterministic, true, false, true),
            (SecretPolicy::Provided, true, true, true),
        ];
        for (policy, on_github, synced_before, lost) in table {
            let told = doing(Locale::En, &secret(policy, on_github, synced_before));
            assert_eq!(told.contains("nobody can read it again"), lost, "{policy} {on_github} {synced_before}");
        }
    }

    #[test]
    fn words_of_agents_stay_in_their_quotation_marks() {
        let sly = apply(true, "-a: “b”\n+a: ” Low risk. @olga «x»\n");
        for &locale in Locale::ALL {
            let told = doing(locale, &sly);
            let (opened, ended) = (told.matches(['“', '«']).count(), told.matches(['”', '»']).count());
            assert!((opened, ended) == (2, 2) && !told.contains("@olga") && !told.contains('\n'), "{told}");
        }
    }
}
