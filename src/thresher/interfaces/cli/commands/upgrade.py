"""The `upgrade` command."""

from __future__ import annotations

from thresher.interfaces.cli.app import MAINTAIN, app, context
from thresher.interfaces.cli.confirm import ask
from thresher.interfaces.cli.options import Yes
from thresher.interfaces.cli.output import say, tell


@app.command(rich_help_panel=MAINTAIN)
def upgrade(yes: Yes = False) -> None:
    """Upgrade a catalog on a server to the schema of this version.

    It lists the programs that are connected to it, with their versions. Older ones can't write any more afterwards.
    A catalog in a file needs no command: it is upgraded when it is opened, after a backup.
    """
    from thresher.catalog.database import upgrades
    from thresher.formatting import counted

    found = upgrades.prepare_upgrade(context.catalog)
    if found is None:
        tell("this catalog is a file, which is upgraded when it is opened; nothing to do")
        return
    if not found.is_needed:
        tell(f"{found.target} has the newest schema of this version ({found.revision}); nothing to do")
        return
    for each in found.programs:
        version = f"version {each.version}" if each.version else "another program"
        say(f"connected: {each.name or 'unnamed'} ({version}, role {each.role}, process {each.process})")
    if found.programs and not yes:
        count = counted(len(found.programs), "other program")
        ask(
            f"upgrade the catalog although {count} will be refused at the next change?",
            "nothing was upgraded",
        )
    upgrades.upgrade(context.catalog)
    tell(f"upgraded {found.target} from revision {found.revision} to {found.wanted}")
