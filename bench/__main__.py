"""Run the command line: `python -m bench`."""

from bench.executors.module_path import drop_current_folder

if __name__ == "__main__":
    drop_current_folder()  # before any import of a library
    from bench.cli.app import main

    main()
