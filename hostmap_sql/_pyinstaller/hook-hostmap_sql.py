"""Read by PyInstaller for each program that imports `hostmap_sql`."""  # noqa: N999 - PyInstaller wants this name

from hostmap_sql._pyinstaller import data_files

datas = data_files()
