include(GNUInstallDirs)
install(TARGETS rung_core ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(RUNG_ONEDNN)
  install(TARGETS rung_c LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(FILES ${PROJECT_SOURCE_DIR}/src/rung/c/rung.h
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/rung/c)
  # What `rung bench` compares with; the command finds it in ../share/rung/peers.
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/tools/peers DESTINATION ${CMAKE_INSTALL_DATADIR}/rung)
endif()
