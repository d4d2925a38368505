"""PyInstaller runs this for each program that imports `hostmap_sql`."""  # noqa: N999 - its rule

from hostmap_sql._pyinstaller import data_files

datas = data_files()
